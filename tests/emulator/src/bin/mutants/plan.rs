//! All mutants of the kernels: the changed file, and the operations that run the changed line.

use crate::rules::{self, Rule};
use crate::source::{self, Function};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::{fmt, fs, io};

/// Kernels that are run by an operation with a different name.
const RENAMED: &[(&str, &str)] = &[
    ("bias_activation_forward", "linear_forward"),
    ("single_output_forward", "linear_forward"),
    ("bias_activation_single_output", "linear_forward_to_single_output"),
    ("bias_activation_backward_parts", "bias_activation_backward"),
    ("column_totals", "bias_activation_backward"),
    ("batch_norm_moments", "batch_norm_forward"),
    ("batch_norm_forward_parts", "batch_norm_forward"),
    ("batch_norm_backward_sums", "batch_norm_backward"),
    ("batch_norm_backward_parts", "batch_norm_backward"),
    ("gemm_bias_activation_forward", "own_gemm::linear_forward"),
    ("gemm_columns", "own_gemm::linear_backward_input"),
    ("gemm_bias_activation_backward", "linear_activation_backward"),
    ("gemm_batch_norm_forward", "linear_batch_norm_forward"),
    ("gemm_batch_norm_backward", "linear_batch_norm_backward"),
    ("penalty_total", "penalty_forward_backward"),
    ("convolution_gather", "convolution_forward"),
    ("convolution_sum", "convolution_transpose"),
    ("spectral_norm_rows", "spectral_norm_forward"),
    ("spectral_norm_columns", "spectral_norm_forward"),
    ("spectral_norm_normalize", "spectral_norm_forward"),
    ("spectral_norm_divide", "spectral_norm_forward"),
    ("spectral_norm_dots", "spectral_norm_backward"),
    ("spectral_norm_subtract", "spectral_norm_backward"),
];

/// A kernel file with one change, in the file itself or in an included header.
pub struct Mutant {
    /// The kernel file.
    pub file: String,
    /// The header, if the change is in a header.
    pub header: Option<String>,
    /// The whole kernel file with the change.
    pub source: String,
    pub change: Change,
}

/// A changed line.
#[derive(Clone)]
pub struct Change {
    /// Counted from 1.
    pub line: usize,
    pub rule: Rule,
    before: String,
    after: String,
    /// The operations that run the line.
    pub operations: Vec<String>,
}

impl Mutant {
    /// The file with the changed line; for a header, also the kernel file.
    pub fn location(&self) -> String {
        match &self.header {
            Some(header) => format!("{header} in {}", self.file),
            None => self.file.clone(),
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, header, change, .. } = self;
        match header {
            Some(header) => write!(f, "{header}:{} in {file}: {change}", change.line),
            None => write!(f, "{file}:{}: {change}", change.line),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Rule::Barrier => write!(f, "without {}", self.before),
            Rule::Bound | Rule::Condition => f.write_str(&self.after),
        }
    }
}

/// The mutants of all kernels in a folder. A change in a header is a mutant for each file that uses it.
pub fn all(kernels: &Path) -> io::Result<Vec<Mutant>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(kernels)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.extension().is_some_and(|of| of == "cu"));
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = fs::read_to_string(&path)?;
        let mut headers = Vec::new();
        for name in included(&source) {
            headers.push((name.to_owned(), fs::read_to_string(kernels.join(name))?));
        }
        all.extend(of_file(&file, &source, &headers));
    }
    Ok(all)
}

fn included(source: &str) -> Vec<&str> {
    let names = source.lines().filter_map(|line| line.strip_prefix("#include \""));
    names.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name).collect()
}

fn of_file(file: &str, source: &str, headers: &[(String, String)]) -> Vec<Mutant> {
    // The source as the compiler sees it.
    let texts = headers.iter().map(|(_, text)| &**text).chain([source]);
    let whole: String = texts.flat_map(str::lines).map(|line| format!("{line}\n")).collect();
    let functions = source::functions(&whole);
    let mut mutants = Vec::new();
    let mut begin = 0;
    for (name, text) in headers {
        let lines = begin..begin + text.lines().count();
        for change in changes(&whole, &functions, &lines) {
            let header = Some(name.clone());
            let source = with_header(file, source, name, &with_change(text, &change));
            mutants.push(Mutant { file: file.to_owned(), header, source, change });
        }
        begin = lines.end;
    }
    for change in changes(&whole, &functions, &(begin..usize::MAX)) {
        let source = with_change(source, &change);
        mutants.push(Mutant { file: file.to_owned(), header: None, source, change });
    }
    mutants
}

/// The changes of some lines of a source that kernels run; line numbers are relative to the first.
fn changes(whole: &str, functions: &[Function], lines: &Range<usize>) -> Vec<Change> {
    let mut all = Vec::new();
    for function in functions.iter().filter(|function| lines.contains(&function.lines.start)) {
        let kernels = source::kernels_that_run(function, whole, functions);
        if kernels.is_empty() {
            continue;
        }
        let operations: BTreeSet<String> = kernels.into_iter().map(operation).collect();
        let operations = Vec::from_iter(operations);
        for (at, text) in whole.lines().enumerate() {
            if function.lines.contains(&at) {
                all.extend(rules::mutations(text).into_iter().map(|(rule, after)| Change {
                    line: at - lines.start + 1,
                    rule,
                    before: source::code(text).trim().to_owned(),
                    after,
                    operations: operations.clone(),
                }));
            }
        }
    }
    all
}

fn operation(kernel: &str) -> String {
    let renamed = RENAMED.iter().find(|(name, _)| *name == kernel);
    renamed.map_or(kernel, |(_, operation)| operation).to_owned()
}

fn with_change(text: &str, change: &Change) -> String {
    let changed = |(i, line)| if i + 1 == change.line { &*change.after } else { line };
    text.lines().enumerate().map(changed).map(|line| format!("{line}\n")).collect()
}

/// A kernel file in which the text of a header replaces its inclusion. The header itself stays
/// unchanged, so that other kernel files are not compiled again.
fn with_header(file: &str, source: &str, header: &str, text: &str) -> String {
    let mut whole = String::new();
    for (i, line) in source.lines().enumerate() {
        if included(line) == [header] {
            whole += &format!("#line 1 \"{header}\"\n{text}#line {} \"{file}\"\n", i + 2);
        } else {
            whole += &format!("{line}\n");
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\
#pragma once
__device__ inline float sum(int n)
{
    for (int i = 0; i < n; ++i) {}
}
__device__ inline void unused(int n)
{
    if (n < 3) return;
}
";
    const FILE: &str = "\
#include \"common.cuh\"

extern \"C\" __global__ void bias_activation_forward(
    int n)
{
    sum(n);
}
extern \"C\" __global__ void second(
    int n)
{
    __syncthreads();
}
";

    fn mutants() -> Vec<Mutant> {
        of_file("a.cu", FILE, &[("common.cuh".to_owned(), HEADER.to_owned())])
    }

    #[test]
    fn a_change_has_a_location_and_the_operations_that_run_it() {
        let found: Vec<_> = mutants().iter().map(|of| (of.location(), of.change.line)).collect();
        assert_eq!(found, [("common.cuh in a.cu".to_owned(), 4), ("a.cu".to_owned(), 11)]);
        assert_eq!(mutants()[0].change.operations, ["linear_forward"]);
        assert_eq!(mutants()[1].change.operations, ["second"]);
    }

    #[test]
    fn only_the_changed_line_differs() {
        assert_eq!(mutants()[1].source, FILE.replace("    __syncthreads();", ""));
        let in_header = &mutants()[0].source;
        assert!(in_header.starts_with("#line 1 \"common.cuh\"\n#pragma once\n"), "{in_header}");
        assert!(in_header.contains("i <= n; ++i) {}\n}\n"), "{in_header}");
        assert!(in_header.contains("#line 2 \"a.cu\"\n\nextern"), "{in_header}");
    }
}
