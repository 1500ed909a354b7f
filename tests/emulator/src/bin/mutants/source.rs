//! The functions of a kernel file, and the call graph.

use std::ops::Range;

/// A device function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// Whether it is a kernel.
    pub kernel: bool,
    /// Its lines, counted from 0, without the one with the closing brace.
    pub lines: Range<usize>,
}

/// A line without its comment.
pub fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// The functions of a source, in order. Each begins and ends in the first column.
pub fn functions(source: &str) -> Vec<Function> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let kernel = line.starts_with("extern \"C\" __global__ ");
        if kernel || line.starts_with("__device__ ") {
            let length = lines[first..].iter().position(|line| line.starts_with('}'));
            let lines = first..first + length.unwrap_or(lines.len() - first);
            found.push(Function { name: name(line), kernel, lines });
        }
    }
    found
}

/// The name in the first line of a function.
fn name(line: &str) -> String {
    let line = match line.split_once("__launch_bounds__(") {
        Some((_, rest)) => rest.split_once(')').map_or(rest, |(_, rest)| rest),
        None => line,
    };
    let before = line.split_once('(').map_or(line, |(before, _)| before);
    before.rsplit([' ', '*', '&']).next().unwrap_or(before).to_owned()
}

/// The kernels of a source that run a function of it, directly or through others.
pub fn kernels_that_run<'a>(
    function: &'a Function,
    source: &str,
    all: &'a [Function],
) -> Vec<&'a str> {
    let mut reached = vec![function];
    let mut next = 0;
    while let Some(called) = reached.get(next).copied() {
        next += 1;
        for caller in all {
            if !reached.contains(&caller) && calls(source, caller, &called.name) {
                reached.push(caller);
            }
        }
    }
    reached.iter().filter(|function| function.kernel).map(|function| &*function.name).collect()
}

fn calls(source: &str, caller: &Function, name: &str) -> bool {
    let lines = source.lines().skip(caller.lines.start + 1).take(caller.lines.len() - 1);
    lines.map(code).any(|code| {
        code.match_indices(name).any(|(at, _)| {
            let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
            !code[..at].ends_with(part_of_a_name) && code[at + name.len()..].starts_with('(')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
// far() is called in no comment.
__device__ inline float* far(int n)
{
    return n;
}

__device__ inline int near(int n)
{
    return far(n) + not_far(n);
}

extern \"C\" __global__ void __launch_bounds__(256) first(
    int n)
{
    near(n);
    // far(n)
}
extern \"C\" __global__ void second(
    int n)
{
    unrelated_near(n);
}
";

    #[test]
    fn functions_have_names_and_lines() {
        let found = functions(SOURCE);
        let names: Vec<_> = found.iter().map(|of| (&*of.name, of.kernel)).collect();
        assert_eq!(names, [("far", false), ("near", false), ("first", true), ("second", true)]);
        assert_eq!(found[0].lines, 1..4);
    }

    #[test]
    fn kernels_run_functions_that_they_call_indirectly() {
        let all = functions(SOURCE);
        assert_eq!(kernels_that_run(&all[0], SOURCE, &all), ["first"]);
        assert_eq!(kernels_that_run(&all[3], SOURCE, &all), ["second"]);
    }
}
