//! Generates the checks of the kernels' arguments: each must have the length in its signature.
//!
//! The launchers call them, and so do the CPU's versions of the operations.

use super::signature::shape::{Extent, Shape};
use super::signature::{Kernel, Parameter};

/// The text of a module with a function for each kernel that has shapes. The including module must
/// define `Length` and `check`.
pub fn generate(kernels: &[Kernel]) -> String {
    kernels.iter().filter(|kernel| !arguments(kernel).is_empty()).map(function).collect()
}

/// The call of a kernel's check with the launcher's arguments, if it has one.
pub fn call(kernel: &Kernel) -> Option<String> {
    let passed = |parameter: &&Parameter| match (&parameter.shape, parameter.nullable) {
        (Some(_), true) => format!("{}.as_ref()", parameter.name),
        (Some(_), false) => format!("&{}", parameter.name),
        (None, _) => parameter.name.clone(),
    };
    let arguments: Vec<String> = arguments(kernel).iter().map(passed).collect();
    let call = || format!("{}({})", kernel.name, arguments.join(", "));
    (!arguments.is_empty()).then(call)
}

fn function(kernel: &Kernel) -> String {
    let Kernel { name, file, .. } = kernel;
    let arguments = arguments(kernel);
    let declared: String = arguments.iter().map(|parameter| declaration(parameter)).collect();
    let checks: String = arguments.iter().filter_map(|parameter| check(name, parameter)).collect();
    format!(
        "/// Panics unless the arguments of `{name}` are as long as `{file}` says.\n\
         #[track_caller]\n\
         pub fn {name}(\n{declared}) {{\n{checks}}}\n\n"
    )
}

/// The checked arguments, and the extents in their shapes.
fn arguments(kernel: &Kernel) -> Vec<&Parameter> {
    let extents = || kernel.parameters.iter().flat_map(extents);
    let checked = |parameter: &Parameter| matches!(parameter.shape, Some(Shape::Extents(_)));
    let named = |parameter: &Parameter| extents().any(|name| *name == parameter.name);
    kernel.parameters.iter().filter(|parameter| checked(parameter) || named(parameter)).collect()
}

/// The arguments that a shape names.
fn extents(parameter: &Parameter) -> impl Iterator<Item = &String> {
    let extents = match &parameter.shape {
        Some(Shape::Extents(extents)) => &**extents,
        _ => &[],
    };
    extents.iter().filter_map(|extent| match extent {
        Extent::Argument(name) => Some(name),
        Extent::Number(_) => None,
    })
}

fn declaration(Parameter { name, shape, nullable, .. }: &Parameter) -> String {
    match (shape, nullable) {
        (None, _) => format!("    {name}: usize,\n"),
        (Some(_), true) => format!("    {name}: Option<&impl Length>,\n"),
        (Some(_), false) => format!("    {name}: &impl Length,\n"),
    }
}

fn check(kernel: &str, Parameter { name, shape, nullable, .. }: &Parameter) -> Option<String> {
    let Some(Shape::Extents(extents)) = shape else { return None };
    let words: Vec<String> = extents.iter().map(written).collect();
    let (shape, product) = (words.join(", "), words.join(" * "));
    let check = format!("check(\"{kernel}\", \"{name} ({shape})\", {name}.length(), {product});");
    Some(match nullable {
        true => format!("    if let Some({name}) = {name} {{\n        {check}\n    }}\n"),
        false => format!("    {check}\n"),
    })
}

fn written(extent: &Extent) -> String {
    match extent {
        Extent::Number(number) => number.to_string(),
        Extent::Argument(name) => name.clone(),
    }
}
