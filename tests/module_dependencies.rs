//! Module dependencies of the library: a module imports only modules below it, and there are no
//! import cycles between files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules from top to bottom, each with the modules that it may import.
const MODULES: [(&str, &[&str]); 21] = [
    (
        "cli",
        &[
            "error", "train", "eval", "export", "import", "run", "picture", "gan", "nn", "data",
            "device", "group", "formats", SMALL,
        ],
    ),
    (
        "error",
        &[
            "train", "eval", "export", "import", "run", "picture", "gan", "data", "device",
            "group", "formats", SMALL,
        ],
    ),
    ("train", &["eval", "run", "picture", "gan", "data", "device", "group", "formats", SMALL]),
    ("eval", &["run", "picture", "gan", "nn", "data", "device", "formats", SMALL]),
    ("export", &["run", "gan", "nn", "data", "device", "formats", SMALL]),
    ("run", &["gan", "nn", "data", "device", "formats", SMALL]),
    ("picture", &["gan", "nn", "data", "formats", SMALL]),
    ("import", &["gan", "nn", "data", "device", SMALL]),
    ("gan", &["nn", "data", "device", SMALL]),
    ("nn", &["device", SMALL]),
    ("device", &[SMALL]),
    ("data", &[SMALL]),
    ("group", &[SMALL]),
    ("formats", &[SMALL]),
    // The small modules; an earlier one may import a later one.
    ("memory", &["text"]),
    ("ranges", &["text"]),
    ("text", &[]),
    ("choice", &[]),
    ("rng", &[]),
    ("mark", &[]),
    ("file_error", &[]),
];
/// Any small module.
const SMALL: &str = "small";

fn is_small(module: &str) -> bool {
    MODULES[14..].iter().any(|(small, _)| *small == module)
}

/// Source files of the library by module path, such as `run/config/check`, without comments and
/// tests.
fn modules() -> BTreeMap<String, String> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            match entry.unwrap().path() {
                path if path.is_dir() => collect(&path, files),
                path if path.extension().is_some_and(|extension| extension == "rs") => {
                    files.push(path)
                }
                _ => {}
            }
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let module = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let name = path.strip_prefix(&source).unwrap().with_extension("");
        let name = name.to_str().unwrap().replace('\\', "/");
        let name = name.trim_end_matches("/mod").to_owned();
        (name, code.collect::<Vec<_>>().join("\n"))
    };
    let mut modules: BTreeMap<_, _> = files.iter().map(module).collect();
    // main.rs and lib.rs may name all modules.
    modules
        .retain(|name, _| !name.ends_with("/tests") && !["main", "lib"].contains(&name.as_str()));
    modules
}

/// The paths of this crate that a module uses, from the crate root.
fn used_paths(module: &str, code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                let end = code[at..].find([';', ')', '(']).map_or(code.len(), |end| at + end);
                expand(&code[at..end], "", &mut paths);
            }
        }
    }
    paths.iter().filter_map(|path| from_root(module, path)).collect()
}

/// Re-exports: where each re-exported name is defined.
fn reexports(modules: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut definitions = BTreeMap::new();
    for (module, code) in modules {
        let code = code.replace("pub(crate) use", "pub use").replace("pub(super) use", "pub use");
        let mut paths = Vec::new();
        for tree in code.split("pub use ").skip(1) {
            expand(tree.split(';').next().unwrap_or(tree), "", &mut paths);
        }
        for path in paths {
            let name = path.rsplit('/').next().unwrap_or(&path);
            let real = match path.starts_with("crate/") || path.starts_with("super/") {
                true => from_root(module, &path),
                false => Some(format!("{module}/{}", path.trim_start_matches("self/"))),
            };
            definitions.extend(real.map(|real| (format!("{module}/{name}"), real)));
        }
    }
    definitions
}

/// The file that defines the item of a path.
fn file_of<'a>(
    modules: &'a BTreeMap<String, String>,
    reexports: &BTreeMap<String, String>,
    path: &str,
) -> Option<&'a str> {
    let mut path = path.to_owned();
    // A name may be re-exported several times.
    for _ in 0..4 {
        let begin = |(name, _): &(&String, &String)| {
            path == **name || path.starts_with(&format!("{name}/"))
        };
        let Some((name, real)) = reexports.iter().find(begin) else { break };
        path = path.replacen(name.as_str(), real, 1);
    }
    let holds = |file: &&String| path == **file || path.starts_with(&format!("{file}/"));
    modules.keys().filter(holds).max_by_key(|file| file.len()).map(String::as_str)
}

/// Expands a use tree: `a::{b, c::d}` to `a/b` and `a/c/d`.
fn expand(tree: &str, before: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(group) = tree.find('{') else {
        let end = tree.find(|c: char| !(c.is_alphanumeric() || "_:".contains(c)));
        paths.push(format!("{before}{}", tree[..end.unwrap_or(tree.len())].replace("::", "/")));
        return;
    };
    let before = format!("{before}{}", tree[..group].replace("::", "/"));
    let (mut depth, mut begin) = (0, group + 1);
    for (at, c) in tree.char_indices().skip(group) {
        match c {
            '{' => depth += 1,
            '}' if depth > 1 => depth -= 1,
            ',' if depth > 1 => {}
            ',' | '}' => {
                if !tree[begin..at].trim().is_empty() {
                    expand(&tree[begin..at], &before, paths);
                }
                begin = at + 1;
                if c == '}' {
                    return;
                }
            }
            _ => {}
        }
    }
}

fn from_root(module: &str, path: &str) -> Option<String> {
    if let Some(path) = path.strip_prefix("crate/") {
        return Some(path.to_owned());
    }
    let (mut module, mut path) = (module, path);
    while let Some(rest) = path.strip_prefix("super/") {
        module = module.rsplit_once('/').map_or("", |(parent, _)| parent);
        path = rest;
    }
    Some(format!("{module}/{path}"))
}

fn top_level(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

#[test]
fn modules_import_only_modules_below_them() {
    let modules = modules();
    let mut wrong = Vec::new();
    for (module, code) in &modules {
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == top_level(module)) else {
            panic!("{module} is not in the table of modules");
        };
        for path in used_paths(module, code) {
            let other = top_level(&path);
            let known = MODULES.iter().any(|(name, _)| *name == other);
            let small = is_small(other) && allowed.contains(&SMALL);
            if known && other != top_level(module) && !small && !allowed.contains(&other) {
                wrong.push(format!("{module} imports {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports from modules above:\n{}", wrong.join("\n"));
    // All modules of the table exist.
    for (name, _) in MODULES {
        assert!(
            modules.keys().any(|module| top_level(module) == name),
            "there is no module {name}"
        );
    }
}

/// Asserts that there is no cycle; the map has the imports of each name.
#[track_caller]
fn assert_acyclic(imports: &BTreeMap<String, BTreeSet<String>>) {
    for from in imports.keys() {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            for to in imports.get(file).into_iter().flatten() {
                assert!(to != from, "{from} imports itself through {reached:?}");
                if reached.insert(to) {
                    next.push(to);
                }
            }
        }
    }
}

/// A folder's mod.rs re-exports its files, so a folder and its files count as one.
#[test]
fn folders_have_no_import_cycles() {
    let modules = modules();
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, code) in &modules {
        for path in used_paths(module, code) {
            let (own, other): (Vec<_>, Vec<_>) =
                (module.split('/').collect(), path.split('/').collect());
            let common = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
            let folder = own[..common].join("/");
            let (Some(from), Some(to)) = (own.get(common), other.get(common)) else { continue };
            let sibling =
                |name: &str| format!("{folder}/{name}").trim_start_matches('/').to_owned();
            let is_module = |name: &str| {
                let (file, inside) = (sibling(name), format!("{}/", sibling(name)));
                modules.keys().any(|module| *module == file || module.starts_with(&inside))
            };
            if is_module(to) {
                imports.entry(sibling(from)).or_default().insert(sibling(to));
            }
        }
    }
    assert!(imports.len() > 50, "{} files import others", imports.len());
    assert_acyclic(&imports);
}

/// Files without sub-modules; re-exports are resolved.
#[test]
fn files_have_no_import_cycles() {
    let modules = modules();
    let reexports = reexports(&modules);
    let is_leaf = |file: &str| !modules.keys().any(|other| other.starts_with(&format!("{file}/")));
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, code) in modules.iter().filter(|(module, _)| is_leaf(module)) {
        let files = used_paths(module, code).into_iter();
        let files = files.filter_map(|path| file_of(&modules, &reexports, &path));
        let files = files.filter(|file| file != module && is_leaf(file)).map(str::to_owned);
        imports.insert(module.clone(), files.collect());
    }
    assert!(imports["data/error"].contains("data/locate/problem"), "{:?}", imports["data/error"]);
    assert_acyclic(&imports);
}

#[test]
fn paths_are_parsed_from_code() {
    let code = "use crate::{data::{Dataset, idx}, gan::Gan};\nuse super::plan::{self, Stage};";
    let mut paths = used_paths("nn/spec", code);
    paths.sort();
    let want = ["data/Dataset", "data/idx", "gan/Gan", "nn/plan/Stage", "nn/plan/self"];
    assert_eq!(paths, want);
}
