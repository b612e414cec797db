//! Which store: from `--store`, from the file of `--store-url-file`, or from their variables.
//!
//! Reads no file itself: how is passed in.

use std::io;
use std::path::Path;

use super::flags::{STORE, STORE_URL_FILE};
use super::setting::{Setting, Source, Sources};
use super::store_url::StoreUrl;
use super::text_file::text_of;
use super::value::{ConfigError, quoted};

/// A store, and whether other users of the machine can see its password.
pub(super) struct StoreChoice {
    pub(super) url: StoreUrl,
    pub(super) has_password_on_command_line: bool,
}

impl StoreChoice {
    /// An argument wins over both variables; two of the same kind contradict each other.
    pub(super) fn find(
        sources: &Sources,
        read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<StoreChoice, ConfigError> {
        let url = sources.find(&STORE)?;
        match (url, sources.find(&STORE_URL_FILE)?) {
            (Some(url), Some(file)) if url.source() == file.source() => {
                Err(file.refusal(format!("not together with {}", url.name())))
            }
            (Some(url), Some(file)) if url.source() == Source::Variable => {
                StoreChoice::in_file(&file, read_file)
            }
            (None, Some(file)) => StoreChoice::in_file(&file, read_file),
            (Some(url), _) => StoreChoice::in_setting(&url, read_file),
            (None, None) => StoreChoice::in_setting(&sources.find_or_default(&STORE)?, read_file),
        }
    }

    fn in_setting(
        setting: &Setting,
        read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<StoreChoice, ConfigError> {
        let url = store_url(setting.text(), read_file).map_err(|error| setting.refusal(error))?;
        let is_seen = setting.source() == Source::Argument && url.has_password();
        Ok(StoreChoice { url, has_password_on_command_line: is_seen })
    }

    fn in_file(
        setting: &Setting,
        read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<StoreChoice, ConfigError> {
        let path = Path::new(setting.text());
        let text = text_of(path, read_file).map_err(|error| setting.refusal(error))?;
        let text = text.trim();
        if text.is_empty() {
            let path = quoted(setting.text());
            return Err(setting.refusal(format!("{path} is empty: expected a store URL")));
        }
        let url = store_url(text, read_file).map_err(|error| setting.refusal(error))?;
        Ok(StoreChoice { url, has_password_on_command_line: false })
    }
}

/// The URL with the files that it names.
fn store_url(
    text: &str,
    read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<StoreUrl, ConfigError> {
    let mut url = StoreUrl::parse(text)?;
    url.read_files(read_file)?;
    Ok(url)
}
