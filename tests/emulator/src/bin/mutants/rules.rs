//! How a line of a kernel is made wrong.
//!
//! | rule | what it does |
//! |---|---|
//! | barrier | takes `__syncthreads();` away |
//! | bound | ` < ` becomes ` <= `; in an `if`, ` >= ` becomes ` > `: one element more |
//! | condition | a name that is a condition, or what `&&` joins to one, is taken for true: `if (mask)`, `if (!walk.inside)`, `inside ? rows : 0` |
//!
//! Left alone are comparisons with a number that has a point, which bound no index, and the choice
//! of the one thread that writes (`threadIdx.y == 0`): what others write too is the same, or a race
//! that the emulator, where one thread runs at a time, cannot see.

use crate::source::code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Barrier,
    Bound,
    Condition,
}

/// All wrong versions of a line, each wrong in one place.
pub fn mutations(line: &str) -> Vec<(Rule, String)> {
    let code = code(line);
    let mut all = Vec::new();
    let mut replace = |rule, at: usize, old: &str, new: &str| {
        let text = format!("{}{new}{}", &line[..at], &line[at + old.len()..]);
        all.push((rule, text.trim().to_owned()));
    };
    for (at, old) in code.match_indices("__syncthreads();") {
        replace(Rule::Barrier, at, old, "");
    }
    for (at, old) in code.match_indices(" < ") {
        if !is_real(&code[at + old.len()..]) {
            replace(Rule::Bound, at, old, " <= ");
        }
    }
    for (at, old) in code.match_indices(" >= ") {
        if is_in_if(&code[..at]) && !is_real(&code[at + old.len()..]) {
            replace(Rule::Bound, at, old, " > ");
        }
    }
    for (at, name) in names(code) {
        if is_condition(&code[..at], &code[at + name.len()..]) {
            replace(Rule::Condition, at, name, "true");
        }
    }
    all
}

/// Whether the condition of an `if` has begun and not ended.
fn is_in_if(before: &str) -> bool {
    let condition = before.split_once("if (").map_or(")", |(_, condition)| condition);
    condition.matches(')').count() <= condition.matches('(').count()
}

/// Whether a text begins with a number that has a point.
fn is_real(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('.')
}

/// The names in a line, `walk.inside` as one, and where they begin.
fn names(code: &str) -> Vec<(usize, &str)> {
    let within = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut found = Vec::new();
    let mut at = 0;
    for piece in code.split_inclusive(|c| !within(c)) {
        let word = piece.trim_end_matches(|c| !within(c));
        if word.starts_with(|c: char| c.is_alphabetic()) {
            found.push((at, word));
        }
        at += piece.len();
    }
    found
}

/// Whether what stands between these two is a condition, or one that `&&` joins to others.
fn is_condition(before: &str, after: &str) -> bool {
    let before = before.strip_suffix('!').unwrap_or(before);
    let begins = ["if (", "&& ", " = ", "return ", ", ", "("].iter().any(|of| before.ends_with(of));
    let in_if = is_in_if(before) && ["if (", "&& "].iter().any(|of| before.ends_with(of));
    let ends_in_if = after.starts_with(')') || after.starts_with(" && ");
    (begins && after.starts_with(" ? ")) || (in_if && ends_in_if)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, and what they become.
    const LINES: [(&str, &[&str]); 18] = [
        // A barrier is taken away.
        ("    __syncthreads();", &[""]),
        ("// __syncthreads();", &[]),
        // A bound lets one element more in.
        ("for (i = 0; i < n; ++i) x[i] = 0;", &["for (i = 0; i <= n; ++i) x[i] = 0;"]),
        ("if (i >= n) return;", &["if (i > n) return;"]),
        ("if (4 * i + k < n) z = 1;  // k < 4", &["if (4 * i + k <= n) z = 1;  // k < 4"]),
        // Numbers with a point are no bounds.
        ("return x < 0.0f ? small : 1.0f - small;", &[]),
        ("case RELU: return x > 0.0f ? x : 0.0f;", &[]),
        ("x = words.of[k] >= least ? kept : 0.0f;", &[]),
        ("if (f(k)) x = words.of[k] >= least ? kept : 0.0f;", &[]),
        // A name that is a condition is taken for true.
        ("if (mask) z *= mask[i];", &["if (true) z *= mask[i];"]),
        ("if (!walk.inside) return;", &["if (!true) return;"]),
        ("return {a, inside ? rows : 0, inside};", &["return {a, true ? rows : 0, inside};"]),
        ("mu = walk.inside ? mean[i] : 0.0f;", &["mu = true ? mean[i] : 0.0f;"]),
        // The choice of a thread is left alone.
        ("if (threadIdx.y == 0 && walk.inside) x = s;", &["if (threadIdx.y == 0 && true) x = s;"]),
        ("if (threadIdx.x > 0) return;", &[]),
        ("const Scored s = score == CROSS_ENTROPY ? a(x) : b(x);", &[]),
        ("const bool aligned = aligned16(p) && aligned16(m);", &[]),
        // A line may be wrong in several places.
        (
            "a = first ? i < width : x;",
            &["a = first ? i <= width : x;", "a = true ? i < width : x;"],
        ),
    ];

    #[test]
    fn lines_are_made_wrong_in_one_place_each() {
        for (line, want) in LINES {
            let got: Vec<_> = mutations(line).into_iter().map(|(_, text)| text).collect();
            assert_eq!(got, want, "{line}");
        }
        assert_eq!(mutations("__syncthreads();")[0].0, Rule::Barrier);
    }
}
