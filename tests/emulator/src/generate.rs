//! The C++ that makes a file of kernels callable: a structure of arguments for each kernel, what is
//! in it, and a loop over the threads of a block.

use crate::signature::{Element, Kernel, Parameter, Type};
use std::fmt::Write;

/// The source that includes a file of kernels and registers them.
pub fn entries(file: &str, kernels: &[&Kernel]) -> String {
    let section = format!("emulator_{}", file.trim_end_matches(".cu"));
    let mut text = format!(
        "// Generated from {file}.\n\
         #define EMULATOR_SHARED \"{section}\"\n\
         #include \"kernel.h\"\n\n\
         // Where the shared variables lie, if there are any.\n\
         extern \"C\" {{\n\
         extern char __start_{section}[] __attribute__((weak, visibility(\"hidden\")));\n\
         extern char __stop_{section}[] __attribute__((weak, visibility(\"hidden\")));\n\
         }}\n\n\
         namespace {{\n\n\
         #include \"{file}\"\n"
    );
    for kernel in kernels {
        entry(&mut text, kernel);
    }
    text.push_str("\nconst emulator::Kernel all_kernels[] = {\n");
    for Kernel { name, parameters, .. } in kernels {
        let count = parameters.len();
        push(
            &mut text,
            format_args!(
                "    {{\"{name}\", {name}_list, {count}, sizeof({name}_arguments), {name}_run, \
                 __start_{section}, __stop_{section}}},\n"
            ),
        );
    }
    push(
        &mut text,
        format_args!(
            "}};\n\n\
             const struct Add {{\n\
             \x20   Add() {{ emulator::add_kernels(all_kernels, {}); }}\n\
             }} add;\n\n\
             }} // namespace\n",
            kernels.len()
        ),
    );
    text
}

/// A kernel's structure of arguments, the list of what is in it, and its loop over threads.
fn entry(text: &mut String, kernel: &Kernel) {
    let name = &kernel.name;
    push(text, format_args!("\nstruct {name}_arguments {{\n"));
    for Parameter { name, kind, .. } in &kernel.parameters {
        push(text, format_args!("    {} {name};\n", written(*kind)));
    }
    push(text, format_args!("}};\nconst emulator::Argument {name}_list[] = {{\n"));
    for Parameter { name: argument, kind, nullable, .. } in &kernel.parameters {
        let pointee = pointee(*kind).map_or_else(|| "0".to_owned(), |of| format!("alignof({of})"));
        push(
            text,
            format_args!(
                "    {{\"{argument}\", offsetof({name}_arguments, {argument}), \
                 sizeof({name}_arguments::{argument}), {pointee}, {nullable}}},\n"
            ),
        );
    }
    let passed: Vec<String> =
        kernel.parameters.iter().map(|parameter| format!("a.{}", parameter.name)).collect();
    push(
        text,
        format_args!(
            "}};\n\
             void {name}_run(const void* arguments)\n\
             {{\n\
             \x20   const {name}_arguments a = *static_cast<const {name}_arguments*>(arguments);\n\
             \x20   while (emulator::next_thread()) {{\n\
             \x20       {name}({});\n\
             \x20       emulator::end_thread();\n\
             \x20   }}\n\
             }}\n",
            passed.join(", ")
        ),
    );
}

/// The C++ type of an argument.
fn written(kind: Type) -> String {
    match kind {
        Type::Output(element) => format!("{}*", element_name(element)),
        Type::Input(element) => format!("const {}*", element_name(element)),
        Type::Int => "int".to_owned(),
        Type::Unsigned => "unsigned".to_owned(),
        Type::Float => "float".to_owned(),
    }
}

/// What a pointer points to.
fn pointee(kind: Type) -> Option<&'static str> {
    match kind {
        Type::Output(element) | Type::Input(element) => Some(element_name(element)),
        Type::Int | Type::Unsigned | Type::Float => None,
    }
}

fn element_name(element: Element) -> &'static str {
    match element {
        Element::Float => "float",
        Element::Unsigned => "unsigned",
        Element::UnsignedChar => "unsigned char",
    }
}

/// Appends; writing to a string cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}
