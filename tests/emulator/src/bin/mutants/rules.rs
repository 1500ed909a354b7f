//! How a line of a kernel is mutated.
//!
//! | rule | what it does |
//! |---|---|
//! | barrier | removes `__syncthreads();` |
//! | bound | ` < ` becomes ` <= `; in an `if`, ` >= ` becomes ` > `: off by one |
//! | condition | a name that is a condition, or joined by `&&`, becomes true: `if (mask)`, `if (!walk.inside)`, `inside ? rows : 0` |
//!
//! Comparisons with a floating-point literal are not changed, since they are not index bounds; nor is the
//! choice of the one thread that writes (`threadIdx.y == 0`): the other threads would write the same
//! value, or cause a race that the emulator, which runs one thread at a time, cannot detect.

use crate::source::code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Barrier,
    Bound,
    Condition,
}

/// All mutations of a line, each with a single change.
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

/// Whether the text ends within the condition of an `if`.
fn is_in_if(before: &str) -> bool {
    let condition = before.split_once("if (").map_or(")", |(_, condition)| condition);
    condition.matches(')').count() <= condition.matches('(').count()
}

/// Whether a text starts with a floating-point literal.
fn is_real(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('.')
}

/// The names in a line, where `walk.inside` is one name, and their offsets.
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

/// Whether the text between these two is a condition, or an operand of `&&` in one.
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

    /// Lines and their mutations.
    const LINES: [(&str, &[&str]); 18] = [
        // A barrier is removed.
        ("    __syncthreads();", &[""]),
        ("// __syncthreads();", &[]),
        // A bound is off by one.
        ("for (i = 0; i < n; ++i) x[i] = 0;", &["for (i = 0; i <= n; ++i) x[i] = 0;"]),
        ("if (i >= n) return;", &["if (i > n) return;"]),
        ("if (4 * i + k < n) z = 1;  // k < 4", &["if (4 * i + k <= n) z = 1;  // k < 4"]),
        // Floating-point literals are not bounds.
        ("return x < 0.0f ? small : 1.0f - small;", &[]),
        ("case RELU: return x > 0.0f ? x : 0.0f;", &[]),
        ("x = words.of[k] >= least ? kept : 0.0f;", &[]),
        ("if (f(k)) x = words.of[k] >= least ? kept : 0.0f;", &[]),
        // A name that is a condition becomes true.
        ("if (mask) z *= mask[i];", &["if (true) z *= mask[i];"]),
        ("if (!walk.inside) return;", &["if (!true) return;"]),
        ("return {a, inside ? rows : 0, inside};", &["return {a, true ? rows : 0, inside};"]),
        ("mu = walk.inside ? mean[i] : 0.0f;", &["mu = true ? mean[i] : 0.0f;"]),
        // The choice of a thread is not changed.
        ("if (threadIdx.y == 0 && walk.inside) x = s;", &["if (threadIdx.y == 0 && true) x = s;"]),
        ("if (threadIdx.x > 0) return;", &[]),
        ("const Scored s = score == CROSS_ENTROPY ? a(x) : b(x);", &[]),
        ("const bool aligned = aligned16(p) && aligned16(m);", &[]),
        // A line may have several mutations.
        (
            "a = first ? i < width : x;",
            &["a = first ? i <= width : x;", "a = true ? i < width : x;"],
        ),
    ];

    #[test]
    fn each_mutation_changes_one_place() {
        for (line, want) in LINES {
            let got: Vec<_> = mutations(line).into_iter().map(|(_, text)| text).collect();
            assert_eq!(got, want, "{line}");
        }
        assert_eq!(mutations("__syncthreads();")[0].0, Rule::Barrier);
    }
}
