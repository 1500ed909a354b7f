//! Writes the Rust launchers of the kernels.
//!
//! CUDA takes a launch's arguments as untyped pointers and checks nothing. A launcher is a method
//! with the kernel's arguments in the kernel's order, so a call that does not fit the signature
//! does not compile.

use std::fmt::Write;

use super::contracts;
use super::signature::{Element, Kernel, Parameter, Type};

/// The text of a module with `struct Kernels`. Where it is included there must be `View`,
/// `ViewMut`, `Launch`, `extent`, and `contract` with what [`contracts`] writes.
pub fn generate(kernels: &[Kernel]) -> String {
    let mut text = String::new();
    structure(&mut text, kernels);
    text.push_str("impl Kernels {\n");
    load(&mut text, kernels);
    for kernel in kernels {
        launcher(&mut text, kernel);
    }
    text.push_str("}\n\n");
    text.push_str(
        "fn argument<T>(value: &mut T) -> *mut std::ffi::c_void {\n    \
         std::ptr::from_mut(value).cast()\n}\n",
    );
    text
}

/// Appends a line.
macro_rules! line {
    ($text:expr, $($format:tt)*) => {
        // Writing to a string cannot fail.
        let _ = writeln!($text, $($format)*);
    };
}

fn structure(text: &mut String, kernels: &[Kernel]) {
    line!(text, "/// All kernels, loaded; a method for each, which launches it.");
    line!(text, "pub struct Kernels {{");
    for kernel in kernels {
        line!(text, "    {}: cudarc::driver::CudaFunction,", kernel.name);
    }
    line!(text, "}}\n");
}

fn load(text: &mut String, kernels: &[Kernel]) {
    line!(text, "    /// Loads every kernel by its file and its name.");
    line!(text, "    ///");
    line!(text, "    /// # Errors");
    line!(text, "    /// The first that `find` has.");
    line!(text, "    pub fn load(");
    line!(
        text,
        "        mut find: impl FnMut(&str, &str) -> crate::device::Result<cudarc::driver::CudaFunction>,"
    );
    line!(text, "    ) -> crate::device::Result<Self> {{");
    line!(text, "        Ok(Self {{");
    for Kernel { name, file, .. } in kernels {
        line!(text, "            {name}: find({file:?}, {name:?})?,");
    }
    line!(text, "        }})");
    line!(text, "    }}");
}

fn launcher(text: &mut String, kernel: &Kernel) {
    let Kernel { name, file, parameters, .. } = kernel;
    line!(text, "\n    /// Launches `{name}` of `{file}`.");
    documentation(text, parameters);
    line!(text, "    pub fn {name}(");
    line!(text, "        &self,");
    line!(text, "        launch: Launch<'_>,");
    for parameter in parameters {
        line!(text, "        {}: {},", parameter.name, rust_type(parameter));
    }
    line!(text, "    ) {{");
    if let Some(call) = contracts::call(kernel) {
        line!(text, "        contract::{call};");
    }
    for parameter in parameters {
        line!(text, "        let mut {} = {};", parameter.name, passed(parameter));
    }
    let names = parameters.iter().map(|p| format!("argument(&mut {})", p.name));
    let list: Vec<String> = names.collect();
    line!(text, "        // SAFETY: these are the arguments of the kernel's signature, in order;");
    line!(text, "        // the locals outlive the call, which copies them.");
    line!(text, "        unsafe {{ launch.queue(&self.{name}, &mut [{}]) }}", list.join(", "));
    line!(text, "    }}");
}

/// The shapes of what a kernel takes.
fn documentation(text: &mut String, parameters: &[Parameter]) {
    let mut commented = parameters.iter().filter(|p| !p.comment.is_empty()).peekable();
    if commented.peek().is_some() {
        line!(text, "    ///");
    }
    for Parameter { name, comment, .. } in commented {
        line!(text, "    /// - `{name}`: `{}`", comment.replace('`', "'"));
    }
}

fn rust_type(parameter: &Parameter) -> String {
    let view = match parameter.kind {
        Type::Output(element) => format!("ViewMut<'_, {}>", rust_element(element)),
        Type::Input(element) => format!("View<'_, {}>", rust_element(element)),
        Type::Int => return "usize".to_owned(),
        Type::Unsigned => return "u32".to_owned(),
        Type::Float => return "f32".to_owned(),
    };
    if parameter.nullable { format!("Option<{view}>") } else { view }
}

fn rust_element(element: Element) -> &'static str {
    match element {
        Element::Float => "f32",
        Element::Unsigned => "u32",
        Element::UnsignedChar => "u8",
    }
}

/// The value as the kernel takes it.
fn passed(Parameter { name, kind, nullable, .. }: &Parameter) -> String {
    match kind {
        Type::Output(_) | Type::Input(_) if *nullable => {
            format!("{name}.map_or(0, |view| view.pointer())")
        }
        Type::Output(_) | Type::Input(_) => format!("{name}.pointer()"),
        Type::Int => format!("extent({name})"),
        Type::Unsigned | Type::Float => name.clone(),
    }
}
