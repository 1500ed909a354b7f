//! Copying runs of contiguous elements from a row of an image.

/// Copies runs of a line, the first from `start` on, each `step` elements further, zero-padded beyond
/// the line's ends.
#[inline(always)]
pub(super) fn copy_runs<'a>(
    line: &[f32],
    start: isize,
    step: usize,
    runs: impl Iterator<Item = &'a mut [f32]>,
) {
    let mut start = start;
    for to in runs {
        match usize::try_from(start).ok().and_then(|start| line.get(start..start + to.len())) {
            Some(from) => copy(from, to),
            None => copy_within(line, start, to),
        }
        start += step as isize;
    }
}

/// Copies a run that starts at `start`, zero-padded beyond the line's ends.
#[cold]
fn copy_within(line: &[f32], start: isize, to: &mut [f32]) {
    let len = to.len() as isize;
    let begin = (-start).clamp(0, len) as usize;
    let end = (line.len() as isize - start).clamp(begin as isize, len) as usize;
    to[..begin].fill(0.0);
    to[end..].fill(0.0);
    if begin < end {
        let first = (start + begin as isize) as usize;
        to[begin..end].copy_from_slice(&line[first..first + end - begin]);
    }
}

/// Like `copy_from_slice`, but inlined for common lengths: for short runs the call to memcpy would
/// take longer than the copy.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    match to.len() {
        4 => copy_array::<4>(from, to),
        16 => copy_array::<16>(from, to),
        32 => copy_array::<32>(from, to),
        48 => copy_array::<48>(from, to),
        _ => to.copy_from_slice(from),
    }
}

#[inline(always)]
fn copy_array<const N: usize>(from: &[f32], to: &mut [f32]) {
    to.as_chunks_mut::<N>().0[0] = from.as_chunks::<N>().0[0];
}
