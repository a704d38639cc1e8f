//! stub
use super::error::Result;
use super::folder::RunFolder;
use std::path::PathBuf;
/// stub
pub fn write_report(folder: &RunFolder) -> Result<PathBuf> {
    Ok(folder.report_file())
}
