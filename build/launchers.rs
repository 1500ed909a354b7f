//! Generates the Rust launchers of the kernels.
//!
//! CUDA takes a launch's arguments as untyped pointers and checks nothing. A launcher is a method with
//! the kernel's arguments, so a call that does not match the signature does not compile.

use super::contracts;
use super::signature::{Element, Kernel, Parameter, Type};

/// The type of a loaded kernel.
const FUNCTION: &str = "cudarc::driver::CudaFunction";

/// The text of a module with `struct Kernels`. The including module must define `View`, `ViewMut`,
/// `Launch`, `extent`, and `contract` with the checks that [`contracts`] generates.
pub fn generate(kernels: &[Kernel]) -> String {
    let fields = kernels.iter().map(|kernel| format!("    {}: {FUNCTION},\n", kernel.name));
    let found = kernels.iter().map(|Kernel { name, file, .. }| {
        format!("            {name}: find({file:?}, {name:?})?,\n")
    });
    let (fields, found): (String, String) = (fields.collect(), found.collect());
    let launchers: String = kernels.iter().map(launcher).collect();
    format!(
        "/// All kernels, loaded; a method for each, which launches it.\n\
         pub struct Kernels {{\n{fields}}}\n\n\
         impl Kernels {{\n    \
             /// Loads every kernel by its file and its name.\n    \
             ///\n    \
             /// # Errors\n    \
             /// The first error of `find`.\n    \
             pub fn load(\n        \
                 mut find: impl FnMut(&str, &str) -> crate::device::Result<{FUNCTION}>,\n    \
             ) -> crate::device::Result<Self> {{\n        \
                 Ok(Self {{\n{found}        }})\n    \
             }}\n{launchers}}}\n\n\
         fn argument<T>(value: &mut T) -> *mut std::ffi::c_void {{\n    \
             std::ptr::from_mut(value).cast()\n\
         }}\n"
    )
}

fn launcher(kernel: &Kernel) -> String {
    let Kernel { name, file, parameters, .. } = kernel;
    let each = |line: fn(&Parameter) -> String| parameters.iter().map(line).collect::<String>();
    let declared = each(|p| format!("        {}: {},\n", p.name, rust_type(p)));
    let values = each(|p| format!("        let mut {} = {};\n", p.name, passed(p)));
    let list: Vec<_> = parameters.iter().map(|p| format!("argument(&mut {})", p.name)).collect();
    let check = contracts::call(kernel).map(|call| format!("        contract::{call};\n"));
    format!(
        "\n    /// Launches `{name}` of `{file}`.\n{}    \
             pub fn {name}(\n        &self,\n        launch: Launch<'_>,\n{declared}    ) {{\n\
                 {}{values}        \
                 // SAFETY: these are the arguments of the kernel's signature, in order;\n        \
                 // the locals outlive the call, which copies them.\n        \
                 unsafe {{ launch.queue(&self.{name}, &mut [{}]) }}\n    \
             }}\n",
        documentation(parameters),
        check.unwrap_or_default(),
        list.join(", ")
    )
}

/// The shapes of a kernel's arguments.
fn documentation(parameters: &[Parameter]) -> String {
    let shapes = parameters.iter().filter(|parameter| !parameter.comment.is_empty());
    let line = |Parameter { name, comment, .. }: &Parameter| {
        format!("    /// - `{name}`: `{}`\n", comment.replace('`', "'"))
    };
    let lines: String = shapes.map(line).collect();
    if lines.is_empty() { lines } else { format!("    ///\n{lines}") }
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
