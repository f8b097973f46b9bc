//! What a command that people type works on: a template, the functions that belong to it, and the project's own folder.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::package::Package;

/// The template of a checkout.
const TEMPLATE: &str = "template.yaml";
/// Where cargo puts the functions of a checkout, and vite the demo page.
const BUILT_FUNCTIONS: &str = "target/debug";
const BUILT_PAGE: &str = "client/demo/dist";

/// A project: a checkout, or a folder in which the npm package is used.
#[derive(Debug)]
pub(crate) struct Project {
    /// The SAM template.
    pub(crate) template: PathBuf,
    /// The folder whose `.funnelcast` has the project's keys.
    pub(crate) folder: PathBuf,
    package: Option<Package>,
}

impl Project {
    /// The project of the template at `template`; without one the package's, used in the current folder, or the checkout
    /// that the current folder is.
    pub(crate) fn find(template: Option<&Path>) -> Result<Self> {
        let package = Package::find()?;
        let packed = || package.as_ref().map_or_else(|| TEMPLATE.into(), Package::template);
        let path = template.map_or_else(packed, Path::to_owned);
        Ok(Self { template: path, folder: folder_of(template), package })
    }

    /// Fails, with what to do, if there is no template: before anything is made for the project.
    pub(crate) fn check_template(&self) -> Result<()> {
        let template = self.template.display();
        ensure!(
            self.template.is_file(),
            "there is no {template}: name the template by --template, or change to the folder of a checkout"
        );
        Ok(())
    }

    /// The folder of the functions' binaries.
    pub(crate) fn functions(&self) -> PathBuf {
        let built = || self.folder.join(BUILT_FUNCTIONS);
        self.package.as_ref().map_or_else(built, Package::functions)
    }

    /// The folder of the demo page, if there is one.
    pub(crate) fn site(&self) -> Option<PathBuf> {
        let built = || self.folder.join(BUILT_PAGE);
        let site = self.package.as_ref().map_or_else(built, Package::site);
        site.join("index.html").is_file().then_some(site)
    }

    /// The folder of the sample events.
    pub(crate) fn events(&self) -> PathBuf {
        self.package.as_ref().map_or_else(|| self.folder.join("events"), Package::events)
    }
}

/// The folder of the project with the template at `template`; without one the current folder.
pub(crate) fn folder_of(template: Option<&Path>) -> PathBuf {
    match template.and_then(Path::parent) {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => ".".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_where_its_template_is() {
        let project = Project::find(Some(Path::new("shop/template.yaml"))).unwrap();
        assert_eq!(project.folder, Path::new("shop"));
        assert_eq!(project.functions(), Path::new("shop/target/debug"));
        assert_eq!(project.events(), Path::new("shop/events"));
        assert_eq!(project.site(), None);
        for template in [None, Some(Path::new("template.yaml"))] {
            assert_eq!(folder_of(template), Path::new("."));
        }
        assert_eq!(Project::find(None).unwrap().template, Path::new("template.yaml"));
    }
}
