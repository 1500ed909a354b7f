//! Generates the C++ that makes a kernel file callable: for each kernel a struct of its arguments, their
//! descriptions, and a loop over the threads of a block.

use crate::signature::{Element, Kernel, Parameter, Type};

/// The source that includes a kernel file and registers its kernels.
pub fn entries(file: &str, kernels: &[&Kernel]) -> String {
    let section = format!("emulator_{}", file.trim_end_matches(".cu"));
    let mut text = format!(
        "// Generated from {file}.\n\
         #define EMULATOR_SHARED \"{section}\"\n\
         #include \"kernel.h\"\n\n\
         // The section of the shared variables, if there are any.\n\
         extern \"C\" {{\n\
         extern char __start_{section}[] __attribute__((weak, visibility(\"hidden\")));\n\
         extern char __stop_{section}[] __attribute__((weak, visibility(\"hidden\")));\n\
         }}\n\n\
         namespace {{\n\n\
         #include \"{file}\"\n"
    );
    for kernel in kernels {
        text += &entry(kernel);
    }
    text += "\nconst emulator::Kernel all_kernels[] = {\n";
    for Kernel { name, parameters, .. } in kernels {
        let count = parameters.len();
        text += &format!(
            "    {{\"{name}\", {name}_list, {count}, sizeof({name}_arguments), {name}_run, \
             __start_{section}, __stop_{section}}},\n"
        );
    }
    text += &format!(
        "}};\n\n\
         const struct Add {{\n\
         \x20   Add() {{ emulator::add_kernels(all_kernels, {}); }}\n\
         }} add;\n\n\
         }} // namespace\n",
        kernels.len()
    );
    text
}

/// A kernel's struct of arguments, their descriptions, and its loop over threads.
fn entry(Kernel { name, parameters, .. }: &Kernel) -> String {
    let mut text = format!("\nstruct {name}_arguments {{\n");
    for Parameter { name, kind, .. } in parameters {
        text += &format!("    {} {name};\n", written(*kind));
    }
    text += &format!("}};\nconst emulator::Argument {name}_list[] = {{\n");
    for Parameter { name: argument, kind, nullable, .. } in parameters {
        let alignment = match kind {
            Type::Output(of) | Type::Input(of) => format!("alignof({})", element_name(*of)),
            Type::Int | Type::Unsigned | Type::Float => "0".to_owned(),
        };
        text += &format!(
            "    {{\"{argument}\", offsetof({name}_arguments, {argument}), \
             sizeof({name}_arguments::{argument}), {alignment}, {nullable}}},\n"
        );
    }
    let passed: Vec<_> = parameters.iter().map(|argument| format!("a.{}", argument.name)).collect();
    text += &format!(
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
    );
    text
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

fn element_name(element: Element) -> &'static str {
    match element {
        Element::Float => "float",
        Element::Unsigned => "unsigned",
        Element::UnsignedChar => "unsigned char",
    }
}
