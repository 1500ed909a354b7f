//! The rooms of the library: each imports only rooms below it, and no two files import each other
//! in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the top down, each with those that it may import.
const ROOMS: [(&str, &[&str]); 18] = [
    (
        "error",
        &["train", "eval", "export", "run", "picture", "gan", "data", "device", "formats", SMALL],
    ),
    ("train", &["eval", "run", "picture", "gan", "data", "device", "formats", SMALL]),
    ("eval", &["run", "picture", "gan", "nn", "data", "device", "formats", SMALL]),
    ("export", &["run", "gan", "nn", "data", "formats", SMALL]),
    ("run", &["gan", "nn", "data", "device", "formats", SMALL]),
    ("picture", &["gan", "nn", "data", "formats", SMALL]),
    ("gan", &["nn", "data", "device", SMALL]),
    ("nn", &["device", SMALL]),
    ("device", &[SMALL]),
    ("data", &[SMALL]),
    ("formats", &[SMALL]),
    // The small ones, of which a later one may be imported by an earlier one.
    ("memory", &["text"]),
    ("ranges", &["text"]),
    ("text", &[]),
    ("choice", &[]),
    ("rng", &[]),
    ("mark", &[]),
    ("file_error", &[]),
];
/// Any of the small ones.
const SMALL: &str = "small";

fn is_small(room: &str) -> bool {
    ROOMS[11..].iter().any(|(small, _)| *small == room)
}

/// Files of the library by their modules, as `run/config/check`, without their comments and tests.
fn modules() -> BTreeMap<String, String> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            match entry.unwrap().path() {
                path if path.is_dir() => collect(&path, files),
                path if path.extension().is_some_and(|ending| ending == "rs") => files.push(path),
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
    // The library's first file names all rooms.
    modules
        .retain(|name, _| !name.ends_with("/tests") && !["main", "lib"].contains(&name.as_str()));
    modules
}

/// What a module's code names of this crate, as paths from the crate's root.
fn named(module: &str, code: &str) -> Vec<String> {
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

/// What folders hand out that their files hold: where each name really is.
fn handed_out(modules: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
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
            places.extend(real.map(|real| (format!("{module}/{name}"), real)));
        }
    }
    places
}

/// The file that holds what a path names.
fn file_of<'a>(
    modules: &'a BTreeMap<String, String>,
    handed_out: &BTreeMap<String, String>,
    path: &str,
) -> Option<&'a str> {
    let mut path = path.to_owned();
    // A name may be handed up by one folder after another.
    for _ in 0..4 {
        let begin = |(name, _): &(&String, &String)| {
            path == **name || path.starts_with(&format!("{name}/"))
        };
        let Some((name, real)) = handed_out.iter().find(begin) else { break };
        path = path.replacen(name.as_str(), real, 1);
    }
    let holds = |file: &&String| path == **file || path.starts_with(&format!("{file}/"));
    modules.keys().filter(holds).max_by_key(|file| file.len()).map(String::as_str)
}

/// `a::{b, c::d}` as `a/b` and `a/c/d`.
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

fn room(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

#[test]
fn rooms_import_downwards() {
    let modules = modules();
    let mut wrong = Vec::new();
    // The program is no room of the library.
    for (module, code) in modules.iter().filter(|(module, _)| room(module) != "cli") {
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room(module)) else {
            panic!("{module} is in no room of the table");
        };
        for path in named(module, code) {
            let other = room(&path);
            let known = ROOMS.iter().any(|(name, _)| *name == other);
            let small = is_small(other) && allowed.contains(&SMALL);
            if known && other != room(module) && !small && !allowed.contains(&other) {
                wrong.push(format!("{module} imports {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "upwards:\n{}", wrong.join("\n"));
    // The table is that of what there is.
    for (name, _) in ROOMS {
        assert!(modules.keys().any(|module| room(module) == name), "there is no room {name}");
    }
}

/// That nothing leads back to where it begins: each name with those it leads to.
#[track_caller]
fn expect_no_circle(imports: &BTreeMap<String, BTreeSet<String>>) {
    for from in imports.keys() {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            for to in imports.get(file).into_iter().flatten() {
                assert!(to != from, "{from} imports itself by way of {reached:?}");
                if reached.insert(to) {
                    next.push(to);
                }
            }
        }
    }
}

/// A folder's own file hands out what its files hold, so that it and they are one.
#[test]
fn folders_import_each_other_in_no_circle() {
    let modules = modules();
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, code) in &modules {
        for path in named(module, code) {
            let (ours, theirs): (Vec<_>, Vec<_>) =
                (module.split('/').collect(), path.split('/').collect());
            let common = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
            let folder = ours[..common].join("/");
            let (Some(from), Some(to)) = (ours.get(common), theirs.get(common)) else { continue };
            let place = |name: &str| format!("{folder}/{name}").trim_start_matches('/').to_owned();
            let is_module = |name: &str| {
                let (file, inside) = (place(name), format!("{}/", place(name)));
                modules.keys().any(|module| *module == file || module.starts_with(&inside))
            };
            if is_module(to) {
                imports.entry(place(from)).or_default().insert(place(to));
            }
        }
    }
    assert!(imports.len() > 50, "{} files import others", imports.len());
    expect_no_circle(&imports);
}

/// Files that have none below them, whatever folder hands out what they import.
#[test]
fn files_import_each_other_in_no_circle() {
    let modules = modules();
    let handed_out = handed_out(&modules);
    let is_leaf = |file: &str| !modules.keys().any(|other| other.starts_with(&format!("{file}/")));
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, code) in modules.iter().filter(|(module, _)| is_leaf(module)) {
        let files = named(module, code).into_iter();
        let files = files.filter_map(|path| file_of(&modules, &handed_out, &path));
        let files = files.filter(|file| file != module && is_leaf(file)).map(str::to_owned);
        imports.insert(module.clone(), files.collect());
    }
    assert!(imports["data/error"].contains("data/locate/problem"), "{:?}", imports["data/error"]);
    expect_no_circle(&imports);
}

#[test]
fn paths_are_read_from_code() {
    let code = "use crate::{data::{Dataset, idx}, gan::Gan};\nuse super::plan::{self, Stage};";
    let mut paths = named("nn/spec", code);
    paths.sort();
    let want = ["data/Dataset", "data/idx", "gan/Gan", "nn/plan/Stage", "nn/plan/self"];
    assert_eq!(paths, want);
}
