//! Where bundles come from: inside the program, a folder of the user, or any path.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Bundle, BundleError, CARD_FILE, Card, MAX_CARD_BYTES, read_limited};

/// Names and bytes of files inside the program.
type EmbeddedFiles = &'static [(&'static str, &'static [u8])];

/// The bundles of the program, by name. Made by `build.rs` from the folder `models`.
static EMBEDDED: &[(&str, EmbeddedFiles)] = include!(concat!(env!("OUT_DIR"), "/embedded_bundles.rs"));

/// Overrides the folder of the user's bundles.
pub const MODELS_VARIABLE: &str = "OPENCAC_MODELS";

/// Where a bundle comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is part of the program.
    Embedded,
    /// A folder.
    Folder(PathBuf),
}

/// A bundle that is at hand: its card, or why it cannot be read. Its weights are not loaded yet.
#[derive(Debug)]
pub struct Entry {
    /// The name by which it is asked for.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Its card, or what is wrong with it.
    pub card: Result<Card, BundleError>,
}

/// The bundles at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    folder: Option<PathBuf>,
}

impl Library {
    /// The embedded bundles and those in the user's folder: `$OPENCAC_MODELS`, else `opencac/models` in the
    /// platform's folder for data (`$XDG_DATA_HOME`, `~/.local/share`, `~/Library/Application Support`, `%APPDATA%`).
    pub fn of_user() -> Self {
        Self { folder: user_folder(|name| std::env::var_os(name), std::env::home_dir()) }
    }

    /// The embedded bundles and those in a folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// The folder of the user's bundles, where one can be told.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// All bundles, those of the user first, each group by name. A bundle of the user hides an embedded one of its
    /// name, which is then left out.
    ///
    /// # Errors
    /// [`BundleError::Io`] where the user's folder is there and cannot be listed.
    pub fn list(&self) -> Result<Vec<Entry>, BundleError> {
        let mut entries: Vec<Entry> = self
            .user_names()?
            .into_iter()
            .filter_map(|name| {
                let folder = self.folder.as_ref()?.join(&name);
                let card =
                    read_limited(&folder.join(CARD_FILE), MAX_CARD_BYTES).and_then(|json| Card::parse(&json));
                Some(Entry { name, origin: Origin::Folder(folder), card })
            })
            .collect();
        for (name, files) in EMBEDDED {
            if !entries.iter().any(|entry| entry.name == *name) {
                let card = embedded_file(files, CARD_FILE).and_then(Card::parse);
                entries.push(Entry { name: (*name).to_owned(), origin: Origin::Embedded, card });
            }
        }
        Ok(entries)
    }

    /// Loads the bundle of a name, or of a path: whatever holds a path separator, or a folder with a card.
    ///
    /// # Errors
    /// [`BundleError`] where there is none, or it is unfit.
    pub fn load(&self, name: &str) -> Result<Bundle, BundleError> {
        match self.origin(name)? {
            Origin::Folder(folder) => Bundle::read(&folder),
            Origin::Embedded => {
                let files = EMBEDDED.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, files)| files);
                Bundle::from_files(&|file, _| embedded_file(files, file).map(Cow::Borrowed))
            }
        }
    }

    fn origin(&self, name: &str) -> Result<Origin, BundleError> {
        let path = Path::new(name);
        if path.components().count() > 1 || path.is_absolute() || name.ends_with(std::path::MAIN_SEPARATOR) {
            return Ok(Origin::Folder(path.to_owned()));
        }
        if let Some(folder) = self.folder.as_ref().map(|folder| folder.join(name))
            && folder.join(CARD_FILE).is_file()
        {
            return Ok(Origin::Folder(folder));
        }
        if EMBEDDED.iter().any(|(n, _)| *n == name) {
            return Ok(Origin::Embedded);
        }
        if path.join(CARD_FILE).is_file() {
            return Ok(Origin::Folder(path.to_owned()));
        }
        let names: Vec<String> = self.list()?.into_iter().map(|entry| entry.name).collect();
        let known = if names.is_empty() { "none at all".to_owned() } else { names.join(", ") };
        Err(BundleError::Unknown { name: name.to_owned(), known })
    }

    /// Names of the sub-folders that hold a card.
    fn user_names(&self) -> Result<Vec<String>, BundleError> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let io = |source| BundleError::Io { path: folder.clone(), source };
        let listing = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.map_err(io)?,
        };
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(io)?;
            if entry.path().join(CARD_FILE).is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

fn embedded_file(files: EmbeddedFiles, name: &str) -> Result<&'static [u8], BundleError> {
    let found = files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes);
    found.ok_or_else(|| BundleError::NotEmbedded { file: name.to_owned() })
}

fn user_folder(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set(MODELS_VARIABLE) {
        return Some(folder);
    }
    let data = if cfg!(windows) {
        set("APPDATA")
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Application Support"))
    } else {
        // The XDG base directory specification ignores relative paths.
        set("XDG_DATA_HOME").filter(|path| path.is_absolute()).or(home.map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("opencac").join("models"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_bundle_is_sound() {
        for (name, _) in EMBEDDED {
            let bundle = Library { folder: None }.load(name).unwrap();
            assert_eq!(bundle.card().name, *name);
        }
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_folder_follows_the_environment() {
        let cases: [(&[(&str, &str)], _); 5] = [
            (&[], Some("/home/a/.local/share/opencac/models")),
            (&[("XDG_DATA_HOME", "/data")], Some("/data/opencac/models")),
            (&[("XDG_DATA_HOME", "data")], Some("/home/a/.local/share/opencac/models")),
            (&[("OPENCAC_MODELS", "/m"), ("XDG_DATA_HOME", "/data")], Some("/m")),
            (&[("OPENCAC_MODELS", "")], Some("/home/a/.local/share/opencac/models")),
        ];
        for (set, expected) in cases {
            let get =
                |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
            assert_eq!(user_folder(get, Some("/home/a".into())), expected.map(PathBuf::from), "{set:?}");
        }
        assert_eq!(user_folder(|_| None, None), None);
    }
}
