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

    fn of(line: &str) -> Vec<String> {
        mutations(line).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_barrier_is_taken_away() {
        assert_eq!(mutations("    __syncthreads();"), [(Rule::Barrier, String::new())]);
        assert!(of("// __syncthreads();").is_empty());
    }

    #[test]
    fn a_bound_lets_one_element_more_in() {
        assert_eq!(
            of("for (i = 0; i < n; ++i) sum += x[i];"),
            ["for (i = 0; i <= n; ++i) sum += x[i];"]
        );
        assert_eq!(of("if (i >= n) return;"), ["if (i > n) return;"]);
        assert_eq!(
            of("if (4 * i + k < n) z[i] = 1;  // k < 4"),
            ["if (4 * i + k <= n) z[i] = 1;  // k < 4"]
        );
    }

    #[test]
    fn numbers_with_a_point_are_no_bounds() {
        assert!(of("return x < 0.0f ? small : 1.0f - small;").is_empty());
        assert!(of("case RELU: return x > 0.0f ? x : 0.0f;").is_empty());
        assert!(of("x = words.of[k] >= least ? kept : 0.0f;").is_empty());
        assert!(of("if (f(k)) x = words.of[k] >= least ? kept : 0.0f;").is_empty());
    }

    #[test]
    fn a_name_that_is_a_condition_is_taken_for_true() {
        assert_eq!(of("if (mask) z *= mask[i];"), ["if (true) z *= mask[i];"]);
        assert_eq!(of("if (!walk.inside) return;"), ["if (!true) return;"]);
        assert_eq!(
            of("return {column, inside ? rows : 0, inside};"),
            ["return {column, true ? rows : 0, inside};"]
        );
        assert_eq!(
            of("const float mu = walk.inside ? mean[column] : 0.0f;"),
            ["const float mu = true ? mean[column] : 0.0f;"]
        );
    }

    #[test]
    fn the_choice_of_a_thread_is_left_alone() {
        assert_eq!(
            of("if (threadIdx.y == 0 && walk.inside) db[i] = sum;"),
            ["if (threadIdx.y == 0 && true) db[i] = sum;"]
        );
        assert!(of("if (threadIdx.x > 0) return;").is_empty());
        assert!(of("const Scored s = score == CROSS_ENTROPY ? a(x) : b(x);").is_empty());
        assert!(of("const bool aligned = aligned16(p) && aligned16(m);").is_empty());
    }

    #[test]
    fn a_line_may_be_wrong_in_several_places() {
        assert_eq!(
            of("const bool label = first ? column < width : x;"),
            [
                "const bool label = first ? column <= width : x;",
                "const bool label = true ? column < width : x;"
            ]
        );
    }
}
