//! The resource usage of kernels, from the compiler's log.

use std::collections::BTreeSet;

use super::nvrtc::Target;

/// The option that makes the compiler report it.
pub const OPTION: &str = "--ptxas-options=-v";

/// Registers and memory of a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// The kernel.
    pub kernel: String,
    /// The architecture, as 90 for 9.0.
    pub architecture: u32,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory that a block declares.
    pub shared: u32,
    /// Bytes that a thread writes to memory for want of registers.
    pub spills: u32,
}

/// Splits a log into the kernels' resource usage and other messages.
pub fn split(log: &str, target: Target) -> (Vec<Use>, String) {
    let (mut uses, mut messages) = (Vec::<Use>::new(), String::new());
    let (Target::Cubin(architecture) | Target::Ptx(architecture)) = target;
    for line in log.lines() {
        if let Some(kernel) = between(line, "Compiling entry function '", "'") {
            uses.push(Use { kernel: kernel.to_owned(), architecture, ..Use::default() });
        } else if let (Some(last), true) = (uses.last_mut(), line.contains("registers")) {
            last.registers = before(line, " registers");
            last.shared = before(line, " bytes smem");
        } else if let (Some(last), true) = (uses.last_mut(), line.contains("spill stores")) {
            last.spills += before(line, " bytes spill stores") + before(line, " bytes spill loads");
        } else if !line.trim().is_empty() && !line.starts_with("ptxas info") {
            messages += line;
            messages += "\n";
        }
    }
    (uses, messages)
}

/// A table with a line for each kernel: its registers by architecture, and the most shared memory
/// and the most spilled bytes of all. Without kernels it is empty.
pub fn table(uses: &[Use]) -> String {
    let kernels: BTreeSet<&str> = uses.iter().map(|u| u.kernel.as_str()).collect();
    let architectures: BTreeSet<u32> = uses.iter().map(|u| u.architecture).collect();
    if kernels.is_empty() {
        return String::new();
    }
    let heads = architectures.iter().map(|number| format!("sm_{number}"));
    let mut text = line("kernel", heads, "shared", "spilled");
    for kernel in kernels {
        let own = || uses.iter().filter(|u| u.kernel == kernel);
        let most = |of: fn(&Use) -> u32| own().map(of).max().unwrap_or(0).to_string();
        let registers = architectures.iter().map(|&number| {
            let here = own().find(|u| u.architecture == number);
            here.map_or("-".to_owned(), |u| u.registers.to_string())
        });
        text += &line(kernel, registers, &most(|u| u.shared), &most(|u| u.spills));
    }
    text
}

fn line(
    kernel: &str,
    registers: impl Iterator<Item = String>,
    shared: &str,
    spilled: &str,
) -> String {
    let registers: String = registers.map(|number| format!("{number:>7}")).collect();
    format!("{kernel:<26}{registers}{shared:>8}{spilled:>9}\n")
}

fn between<'a>(line: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(line.split_once(start)?.1.split_once(end)?.0)
}

/// The number that stands before these words; 0 without them.
fn before(line: &str, words: &str) -> u32 {
    let number = line.split_once(words).and_then(|(before, _)| before.split_whitespace().last());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
