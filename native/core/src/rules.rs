//! What is left out because somebody asked for it: patterns in gitignore's syntax, level by level.

use crate::error::{Error, Result};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// The rules of one folder, on top of its parents'.
pub struct Rules {
    own: Gitignore,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// Patterns, one a line, anchored at the folder `root`.
    pub fn new(root: &[u8], text: &str, above: Option<Arc<Rules>>) -> Result<Rules> {
        let mut builder = GitignoreBuilder::new(Path::new(OsStr::from_bytes(root)));
        for line in text.lines() {
            builder
                .add_line(None, line)
                .map_err(|e| Error::Invalid(format!("pattern {line:?}: {e}")))?;
        }
        let own = builder.build().map_err(|e| Error::Invalid(format!("patterns: {e}")))?;
        Ok(Rules { own, above })
    }

    /// The deepest rule that speaks of a path decides.
    pub fn ignores(&self, path: &[u8], is_dir: bool) -> bool {
        let path = Path::new(OsStr::from_bytes(path));
        let mut level = Some(self);
        while let Some(rules) = level {
            let found = rules.own.matched(path, is_dir);
            if !found.is_none() {
                return found.is_ignore();
            }
            level = rules.above.as_deref();
        }
        false
    }
}
