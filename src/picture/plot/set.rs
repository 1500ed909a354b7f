//! `summary.png`: curves of a set of runs, averaged over runs that differ only in their seeds, each with
//! a band from the least to the greatest of them.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::curve::{Bucket, Span};
use super::losses::draw_band;
use super::{
    Canvas, Drawn, INK, LEGEND, PANEL_HEIGHT, WIDTH, draw_axes, draw_legend, draw_line, px, render,
    scores, text, write,
};
use crate::formats::stats::{Measure, ScoreEntry, Stats};
use crate::picture::Result;

/// Colours of the settings, which are told apart by people with colour blindness.
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(86, 86, 86),
    RGBColor(160, 140, 0),
];
/// Windows of iterations within which the losses of a run are averaged first: single iterations vary
/// more than runs do.
const WINDOWS: u64 = 100;
/// Height of the title's row and of each row of the legend.
const ROW: usize = 30;
/// Width of a character of the legend, on average.
const CHARACTER: usize = 8;

/// Runs that differ only in their seeds.
pub struct Seeds<'a> {
    /// What the other runs have other values of; empty if there are none.
    pub label: &'a str,
    /// Their log entries.
    pub runs: Vec<&'a Stats>,
}

/// Writes the plot atomically: panels of 900 × 280 pixels for both losses and, if there are scores, FCD
/// or KID. Only the first eight settings have curves; `title` says whose they are.
///
/// # Errors
/// When the file cannot be written.
pub fn write_set_plot(path: &Path, settings: &[Seeds<'_>], title: &str) -> Result<()> {
    let settings = &settings[..settings.len().min(COLORS.len())];
    let rows = legend(settings);
    let panels = 2 + usize::from(settings.iter().any(|seeds| !scored(seeds).is_empty()));
    let above = ROW * (1 + rows.len());
    let height = above + panels * PANEL_HEIGHT;
    write(path, height, render(height, |root| draw(root, settings, &rows, above, title)))
}

fn draw(
    root: &Canvas<'_>,
    settings: &[Seeds<'_>],
    rows: &[Vec<usize>],
    above: usize,
    title: &str,
) -> Drawn<()> {
    let (top, mut below) = root.split_vertically(px(above));
    let centred = text(19, INK).pos(Pos::new(HPos::Center, VPos::Center));
    top.draw_text(title, &centred, (px(WIDTH / 2), px(LEGEND)))?;
    for (number, row) in rows.iter().enumerate() {
        let area =
            top.clone().shrink((0, px(ROW * (1 + number)) - px(LEGEND / 2)), top.dim_in_pixel());
        let mut right = WIDTH - 76;
        for &setting in row {
            draw_legend(&area, right, COLORS[setting], settings[setting].label)?;
            right -= entry_width(settings[setting].label).min(right);
        }
    }
    let band = text(14, INK).pos(Pos::new(HPos::Left, VPos::Center));
    below.draw_text(
        "mean of the runs; band: from the least to the greatest",
        &band,
        (px(76), px(LEGEND + 1)),
    )?;
    let last = settings.iter().flat_map(|seeds| &seeds.runs).map(|run| last_iteration(run)).max();
    let last = last.unwrap_or(0).max(10);
    for (label, of) in [("D loss", 0), ("G loss", 1)] {
        let (panel, rest) = below.split_vertically(px(PANEL_HEIGHT));
        draw_losses(&panel, settings, last, label, of)?;
        below = rest;
    }
    draw_scores(&below, settings, last)
}

/// The settings in each row of the legend.
fn legend(settings: &[Seeds<'_>]) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut left = 0;
    for (index, seeds) in settings.iter().enumerate().filter(|(_, seeds)| !seeds.label.is_empty()) {
        let width = entry_width(seeds.label);
        match rows.last_mut() {
            Some(row) if width <= left => row.push(index),
            _ => {
                rows.push(vec![index]);
                left = WIDTH - 76;
            }
        }
        left = left.saturating_sub(width);
    }
    rows
}

fn entry_width(label: &str) -> usize {
    CHARACTER * label.chars().count() + 52
}

fn last_iteration(run: &Stats) -> u64 {
    run.losses.last().map_or(0, |entry| entry.iteration)
}

/// The panel of the discriminator's losses (0) or of the generator's (1).
fn draw_losses(
    area: &Canvas<'_>,
    settings: &[Seeds<'_>],
    last: u64,
    label: &str,
    of: usize,
) -> Drawn<()> {
    let averaged: Vec<Vec<_>> = settings
        .iter()
        .map(|seeds| seeds.runs.iter().map(|run| windows(run, last, of)).collect())
        .collect();
    let points = averaged.iter().flatten().flatten();
    let points: Vec<_> = points.map(|&(i, loss)| (i, loss as f32, loss as f32)).collect();
    let shown = Span::of(&points).shown;
    let curves: Vec<_> = averaged.iter().map(|runs| across(runs)).collect();
    draw_curves(area, last, Axis::linear(shown), label, &curves)
}

fn draw_scores(area: &Canvas<'_>, settings: &[Seeds<'_>], last: u64) -> Drawn<()> {
    let all: Vec<ScoreEntry> = settings.iter().flat_map(scored).collect();
    if all.is_empty() {
        return Ok(());
    }
    let measure = Measure::displayed(&all);
    let axis = scores::axis(all.iter().filter_map(|entry| entry.scores.by(measure)));
    let heights = |run: &&Stats| -> Vec<(u64, f64)> {
        let score =
            |entry: &ScoreEntry| Some((entry.iteration, axis.height(entry.scores.by(measure)?)));
        run.scores.iter().filter_map(score).collect()
    };
    let curves: Vec<_> = settings
        .iter()
        .map(|seeds| across(&seeds.runs.iter().map(heights).collect::<Vec<_>>()))
        .collect();
    draw_curves(area, last, axis, measure.name(), &curves)
}

fn scored(seeds: &Seeds<'_>) -> Vec<ScoreEntry> {
    seeds.runs.iter().flat_map(|run| run.scores.iter().copied()).collect()
}

fn draw_curves(
    area: &Canvas<'_>,
    last: u64,
    axis: Axis,
    label: &str,
    curves: &[Vec<Bucket>],
) -> Drawn<()> {
    let shown: Range<f64> = plotters::coord::ranged1d::Ranged::range(&axis);
    let mut chart = draw_axes(area, last as f64, axis, label)?;
    for (curve, color) in curves.iter().zip(COLORS) {
        draw_band(&mut chart, curve, &shown, color)?;
    }
    for (curve, color) in curves.iter().zip(COLORS) {
        draw_line(&mut chart, curve, &shown, color)?;
    }
    Ok(())
}

/// The mean loss of a run in each window of iterations that has any, at its last.
fn windows(run: &Stats, last: u64, of: usize) -> Vec<(u64, f64)> {
    let width = last.div_ceil(WINDOWS).max(1);
    let losses = run.losses.iter();
    let losses = losses.map(|entry| (entry.iteration, f64::from([entry.d_loss, entry.g_loss][of])));
    let finite: Vec<_> = losses.filter(|(_, loss)| loss.is_finite()).collect();
    let window = |iteration: u64| iteration.div_ceil(width);
    let mean = |losses: &[(u64, f64)]| {
        let sum: f64 = losses.iter().map(|&(_, loss)| loss).sum();
        (losses[losses.len() - 1].0, sum / losses.len() as f64)
    };
    finite.chunk_by(|a, b| window(a.0) == window(b.0)).map(mean).collect()
}

/// Mean, least and greatest of several runs at each iteration that any of them has.
fn across(runs: &[Vec<(u64, f64)>]) -> Vec<Bucket> {
    let mut points: Vec<(u64, f64)> = runs.iter().flatten().copied().collect();
    points.sort_by_key(|&(iteration, _)| iteration);
    let bucket = |points: &[(u64, f64)]| {
        Bucket::of(&points.iter().map(|&(i, number)| (i as f64, number)).collect::<Vec<_>>())
    };
    points.chunk_by(|a, b| a.0 == b.0).map(bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_spans_the_means_of_the_runs() {
        let runs = [vec![(10, 1.0), (20, 5.0)], vec![(10, 3.0)]];
        let curve = across(&runs);
        let shown: Vec<_> =
            curve.iter().map(|b| (b.iteration, b.least, b.mean, b.greatest)).collect();
        assert_eq!(shown, [(10.0, 1.0, 2.0, 3.0), (20.0, 5.0, 5.0, 5.0)]);
    }

    #[test]
    fn legends_wrap_within_the_width() {
        let labels: Vec<String> = (0..8).map(|i| format!("lr=1e-{i},batch_size=64")).collect();
        let settings: Vec<_> =
            labels.iter().map(|label| Seeds { label, runs: Vec::new() }).collect();
        let rows = legend(&settings);
        assert_eq!(rows.concat(), (0..8).collect::<Vec<_>>());
        for row in &rows {
            let width: usize = row.iter().map(|&i| entry_width(&labels[i])).sum();
            assert!(width <= WIDTH - 76, "{row:?}");
        }
        assert!(legend(&[Seeds { label: "", runs: Vec::new() }]).is_empty());
    }
}
