//! The layers of the workspace, `core <- aws <- realtime <- {functions, operator}`, and no cycle of modules inside any of them.
//! Each file counts as a module. It uses another one where it names an item of that, by `crate::`, `super::` or `self::`, or by
//! what the crate's root re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The layers, from the bottom up.
const LAYERS: [&str; 3] = ["core", "aws", "realtime"];

type Module = Vec<String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The code of a crate's modules, without comments and tests.
fn modules(layer: &str) -> Result<BTreeMap<Module, String>> {
    let source = root().join(layer).join("src");
    let mut found = Vec::new();
    files(&source, &mut found)?;
    let mut modules = BTreeMap::new();
    for path in found {
        let mut module: Module = path
            .with_extension("")
            .strip_prefix(&source)?
            .iter()
            .map(|part| part.to_string_lossy().into())
            .collect();
        module.retain(|part| !["lib", "mod"].contains(&part.as_str()));
        if module.iter().any(|part| part == "tests") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let (code, _) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        modules.insert(module, lines.collect::<Vec<_>>().join("\n"));
    }
    Ok(modules)
}

/// The paths of a use tree such as `a::{b, c::d}`, and the text that follows it.
fn use_tree(text: &str) -> (Vec<Module>, &str) {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let Some(rest) = rest.strip_prefix("::") else { return (vec![vec![name.to_owned()]], rest) };
    let (mut below, mut rest) = (Vec::new(), rest);
    if let Some(mut inner) = rest.trim_start().strip_prefix('{') {
        while !inner.trim_start().starts_with('}') && !inner.is_empty() {
            let (paths, behind) = use_tree(inner);
            below.extend(paths);
            // Skips `as name`, and `*`.
            let next = behind.find([',', '}']).unwrap_or(behind.len());
            inner = behind[next..].strip_prefix(',').unwrap_or(&behind[next..]);
        }
        rest = inner.trim_start().strip_prefix('}').unwrap_or_default();
    } else {
        (below, rest) = use_tree(rest);
    }
    (below.into_iter().map(|path| [vec![name.to_owned()], path].concat()).collect(), rest)
}

/// All paths in a module's code that begin with one of these names.
fn paths<'a>(code: &'a str, first: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = Module> + 'a {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices("::")
        .filter_map(move |(at, _)| {
            let begin = code[..at].rfind(|c| !is_part(c)).map_or(0, |before| before + 1);
            // Not in the middle of a path, and not the `in crate::..` of a visibility.
            let is_inner = code[..begin].ends_with("::") || code[..begin].ends_with("(in ");
            (!is_inner && first(&code[begin..at])).then(|| use_tree(&code[begin..]).0)
        })
        .flatten()
}

/// The module that a path in `module` names, or that has the item which the path names.
fn target(
    modules: &BTreeMap<Module, String>,
    exports: &BTreeMap<String, Module>,
    module: &Module,
    path: &[String],
) -> Option<Module> {
    let (mut base, mut path) = (module.clone(), path);
    match path.first().map(String::as_str) {
        Some("crate") => (base, path) = (Module::new(), &path[1..]),
        Some("self") => path = &path[1..],
        _ => {}
    }
    while path.first().is_some_and(|part| part == "super") {
        base.pop();
        path = &path[1..];
    }
    if base.is_empty()
        && let Some(exported) = path.first().and_then(|name| exports.get(name))
    {
        return Some(exported.clone());
    }
    let longest = (0..=path.len()).rev().map(|parts| [&base[..], &path[..parts]].concat());
    longest.into_iter().find(|candidate| modules.contains_key(candidate))
}

/// Which modules each module uses.
fn uses(layer: &str) -> Result<BTreeMap<Module, BTreeSet<Module>>> {
    let modules = modules(layer)?;
    let lib = modules.get(&Module::new()).context("a lib.rs")?;
    let reexports = lib.split("pub use ").skip(1).flat_map(|rest| use_tree(rest).0);
    let exports = reexports.filter_map(|path| Some((path.last()?.clone(), path[..1].to_vec()))).collect();
    let used_by = |(module, code): (&Module, &String)| {
        let is_child = |name: &str| modules.contains_key(&[&module[..], &[name.to_owned()]].concat());
        let is_ours = |name: &str| ["crate", "super", "self"].contains(&name) || is_child(name);
        let used = paths(code, is_ours).filter_map(|path| target(&modules, &exports, module, &path));
        (module.clone(), used.filter(|used| used != module).collect())
    };
    // The root only declares and re-exports its modules, and uses none.
    Ok(modules.iter().filter(|(module, _)| !module.is_empty()).map(used_by).collect())
}

/// A cycle of modules each of which uses the next, if there is one.
fn circle(uses: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    for start in uses.keys() {
        let mut way = vec![(start, uses[start].iter())];
        while let Some((_, rest)) = way.last_mut() {
            let Some(next) = rest.next() else {
                done.extend(way.pop().map(|(module, _)| module));
                continue;
            };
            if let Some(at) = way.iter().position(|(module, _)| *module == next) {
                return Some(way[at..].iter().map(|(module, _)| module.join("::")).collect());
            }
            if !done.contains(next)
                && let Some((next, used)) = uses.get_key_value(next)
            {
                way.push((next, used.iter()));
            }
        }
    }
    None
}

#[test]
fn no_module_uses_one_that_uses_it() -> Result<()> {
    for layer in LAYERS {
        let uses = uses(layer)?;
        assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 20, "{layer}: too few uses were found");
        assert_eq!(circle(&uses), None, "{layer}");
    }
    Ok(())
}

#[test]
fn each_layer_depends_on_those_below_it_alone() -> Result<()> {
    let dependencies = |folder: &Path| -> Result<Vec<String>> {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"))?;
        let (_, dependencies) = manifest.split_once("[dependencies]").context("dependencies")?;
        let (dependencies, _) = dependencies.split_once("[dev-dependencies]").unwrap_or((dependencies, ""));
        let names = dependencies.lines().filter_map(|line| line.split(['.', ' ']).next());
        Ok(names.map(str::to_owned).collect())
    };
    let packages = LAYERS.map(|layer| format!("funnelcast-{layer}"));
    for (height, layer) in LAYERS.iter().enumerate() {
        let above = &packages[height..];
        let wrong: Vec<_> =
            dependencies(&root().join(layer))?.into_iter().filter(|name| above.contains(name)).collect();
        assert!(wrong.is_empty(), "{layer} depends on {wrong:?}");
    }
    // Nothing depends on the operator's commands, and `local` depends on no crate of the product.
    for (folder, others) in
        [("local", "funnelcast-"), ("realtime", "funnelcast-operator"), ("aws", "funnelcast-operator")]
    {
        let wrong: Vec<_> =
            dependencies(&root().join(folder))?.into_iter().filter(|name| name.starts_with(others)).collect();
        assert!(wrong.is_empty(), "{folder} depends on {wrong:?}");
    }
    let functions: BTreeSet<String> = std::fs::read_dir(root().join("functions"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    for function in &functions {
        let wrong: Vec<_> = dependencies(&root().join("functions").join(function))?
            .into_iter()
            .filter(|name| functions.contains(name) || name == "funnelcast-operator")
            .collect();
        assert!(wrong.is_empty(), "{function} depends on {wrong:?}");
    }
    Ok(())
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let mut uses = BTreeMap::from([
        (module("a"), [module("b")].into()),
        (module("b"), [module("c")].into()),
        (module("c"), BTreeSet::new()),
    ]);
    assert_eq!(circle(&uses), None);
    uses.insert(module("c"), [module("b")].into());
    assert_eq!(circle(&uses), Some(vec!["b".to_owned(), "c".to_owned()]));
    let (paths, rest) = use_tree("super::{a::{self, B}, c::D as E};");
    assert_eq!(
        paths.iter().map(|path| path.join("::")).collect::<Vec<_>>(),
        ["super::a::self", "super::a::B", "super::c::D"]
    );
    assert_eq!(rest, ";");
}
