//! What the npm package of this program brings along: the template, all functions, the demo page and the sample events, in
//! one archive beside the binary.
//!
//! The archive is a tar, compressed as a whole by zstd: the functions share most of their code, so together they take a
//! sixth of what they take one by one. Node.js 20 has no zstd, so this program unpacks the archive itself, once, into the
//! user's cache folder. The name of the archive has a hash of what is in it, and the folder has the same name.
//!
//! A binary that was built in a checkout has no such archive beside it.

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use clap::Args;

const PREFIX: &str = "stack-";
const SUFFIX: &str = ".tar.zst";
/// How hard to compress: the size is paid for by each installation, the time once per release.
const LEVEL: i32 = 19;
/// The logarithm of how far back repeated bytes are found: 128 MiB, all of the archive. It is also the memory that unpacking
/// takes.
const WINDOW_LOG: u32 = 27;

/// The unpacked archive of this binary's package.
#[derive(Debug)]
pub(crate) struct Package(PathBuf);

impl Package {
    /// The package that this binary belongs to, unpacked; `None` if it belongs to none.
    pub(crate) fn find() -> Result<Option<Self>> {
        let program = std::env::current_exe().context("cannot find this program's own path")?;
        let folder = program.parent().unwrap_or(Path::new("/"));
        match archive_in(folder) {
            Some((archive, id)) => Self::unpacked(&archive, &cache_folder()?, &id).map(Some),
            None => Ok(None),
        }
    }

    /// The archive, unpacked as the folder `id` of `cache`, where it may already be.
    fn unpacked(archive: &Path, cache: &Path, id: &str) -> Result<Self> {
        let target = cache.join(id);
        if target.is_dir() {
            return Ok(Self(target));
        }
        let failed = || {
            format!(
                "cannot unpack {} into {}; XDG_CACHE_HOME names another cache folder",
                archive.display(),
                target.display()
            )
        };
        fs::create_dir_all(cache).with_context(failed)?;
        // Beside it, so that the folder appears with all of its content.
        let unfinished = tempfile::tempdir_in(cache).with_context(failed)?;
        unpack(archive, unfinished.path()).with_context(failed)?;
        match fs::rename(unfinished.path(), &target) {
            Ok(()) => drop(unfinished.keep()),
            Err(_) if target.is_dir() => {} // another process was faster
            Err(error) => return Err(error).with_context(failed),
        }
        Ok(Self(target))
    }

    /// The template.
    pub(crate) fn template(&self) -> PathBuf {
        self.0.join("template.yaml")
    }

    /// The folder of the functions' binaries.
    pub(crate) fn functions(&self) -> PathBuf {
        self.0.join("functions")
    }

    /// The folder of the demo page.
    pub(crate) fn site(&self) -> PathBuf {
        self.0.join("site")
    }

    /// The folder of the sample events.
    pub(crate) fn events(&self) -> PathBuf {
        self.0.join("events")
    }
}

/// The archive in `folder`, and its id.
fn archive_in(folder: &Path) -> Option<(PathBuf, String)> {
    fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let id = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.to_owned();
        Some((entry.path(), id))
    })
}

/// The folder of the user's for what can be made again: <https://specifications.freedesktop.org/basedir-spec/latest/>.
#[expect(clippy::disallowed_methods, reason = "the folder for caches is named by the environment alone")]
fn cache_folder() -> Result<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    Ok(cache
        .context("neither HOME nor XDG_CACHE_HOME is set, so there is no cache folder")?
        .join("funnelcast"))
}

fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let mut decoder = zstd::Decoder::new(File::open(archive)?)?;
    decoder.window_log_max(WINDOW_LOG)?;
    let mut archive = tar::Archive::new(decoder);
    archive.set_preserve_mtime(false);
    archive.unpack(folder)?;
    Ok(())
}

/// Packs the content of a package; used by `make package`.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct PackOptions {
    /// The folder with template.yaml, functions, site and events.
    folder: PathBuf,
    /// The folder that the archive is written to.
    target: PathBuf,
}

/// Writes the archive, and prints its path. The same content always gives the same bytes.
pub(crate) fn pack(options: &PackOptions) -> Result<()> {
    let mut files = Vec::new();
    list(&options.folder, &mut files)?;
    files.sort();
    ensure!(!files.is_empty(), "{} has no files", options.folder.display());
    let mut tar = tar::Builder::new(Vec::new());
    for path in files {
        let name = path.strip_prefix(&options.folder)?.to_owned();
        let (file, mut header) = (File::open(&path)?, tar::Header::new_ustar());
        header.set_size(file.metadata()?.len());
        header.set_mode(if name.starts_with("functions") { 0o755 } else { 0o644 });
        header.set_mtime(0);
        tar.append_data(&mut header, name, BufReader::new(file))?;
    }
    let tar = tar.into_inner()?;
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.long_distance_matching(true)?;
    encoder.window_log(WINDOW_LOG)?;
    encoder.set_pledged_src_size(Some(u64::try_from(tar.len())?))?;
    std::io::copy(&mut &tar[..], &mut encoder)?;
    let packed = encoder.finish()?;
    let hash = digest(&SHA256, &packed);
    let (start, _) = hash.as_ref().split_first_chunk().context("a hash of 32 bytes")?;
    let id = u64::from_be_bytes(*start);
    let archive = options.target.join(format!("{PREFIX}{id:016x}{SUFFIX}"));
    fs::write(&archive, packed).with_context(|| archive.display().to_string())?;
    println!("{}", archive.display());
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_once() {
        let (content, target, cache) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(content.path().join("functions")).unwrap();
        fs::write(content.path().join("functions/ping"), "a binary").unwrap();
        fs::write(content.path().join("template.yaml"), "Resources: {}").unwrap();
        let options = PackOptions { folder: content.path().to_owned(), target: target.path().to_owned() };
        pack(&options).unwrap();
        let (archive, id) = archive_in(target.path()).unwrap();
        let bytes = fs::read(&archive).unwrap();
        fs::remove_file(&archive).unwrap();
        pack(&options).unwrap();
        assert_eq!(fs::read(&archive).unwrap(), bytes, "the same content gives the same bytes");

        for _ in 0..2 {
            let package = Package::unpacked(&archive, cache.path(), &id).unwrap();
            assert_eq!(fs::read_to_string(package.template()).unwrap(), "Resources: {}");
            let mode = fs::metadata(package.functions().join("ping")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755);
        }
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "nothing unfinished is left behind");
    }

    #[test]
    fn a_broken_archive_is_refused_and_leaves_nothing() {
        let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let archive = folder.path().join("stack-1.tar.zst");
        fs::write(&archive, "not zstd").unwrap();
        let error = Package::unpacked(&archive, cache.path(), "1").unwrap_err().to_string();
        assert!(error.contains("XDG_CACHE_HOME"), "{error}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }
}
