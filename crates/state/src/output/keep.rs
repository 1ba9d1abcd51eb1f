//! Copies a task's output to a place that outlives Claude Code's folder under `/tmp`: head and tail, bounded.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_tasks::kept_output::KeptOutput;

use super::trailer::Extent;

/// How much of an output is kept, in bytes. The excess is dropped from the middle.
pub const KEPT_BYTES: u64 = 10 * 1024 * 1024;

/// Copies from a file to which Claude Code has already added its last line, `[exited with code 4]`.
pub fn keep_observed(source: &mut File, target: &Path) -> Result<KeptOutput> {
    let extent = Extent::of(source, None).with_context(|| context(target))?;
    keep(source, &extent, target)
}

/// Copies at most [`KEPT_BYTES`] of the part of `source` that is output to the new file `target`. Returns the size and how
/// much was dropped. Two processes that reconcile at once may both copy.
pub fn keep(source: &mut File, extent: &Extent, target: &Path) -> Result<KeptOutput> {
    let copy = |mut copy| copy_ends(source, &mut copy, extent, KEPT_BYTES);
    let dropped = atomic::replace_with(target, copy).with_context(|| context(target))?;
    Ok(KeptOutput { bytes: extent.bytes, dropped, client_file: None })
}

fn context(target: &Path) -> String {
    format!("could not keep the output in `{}`", target.display())
}

/// Copies an output that a runner kept elsewhere. A file longer than a runner keeps is not from a runner.
pub fn adopt(kept: &mut File, target: &Path) -> Result<()> {
    // The line that reports the dropped bytes adds to the kept bytes.
    let longest = KEPT_BYTES + 1024;
    let bytes = kept.metadata().with_context(|| context(target))?.len();
    anyhow::ensure!(
        bytes <= longest,
        "could not keep an output of {bytes} bytes: a runner keeps at most {longest}"
    );
    let copy = |mut copy| io::copy(&mut kept.take(longest), &mut copy);
    atomic::replace_with(target, copy).with_context(|| context(target)).map(drop)
}

fn copy_ends(source: &mut File, copy: &mut File, extent: &Extent, kept: u64) -> io::Result<u64> {
    if extent.bytes <= kept {
        copy_range(source, copy, extent, 0..extent.bytes)?;
        return Ok(0);
    }
    let dropped = extent.bytes - kept;
    let head = kept / 2;
    copy_range(source, copy, extent, 0..head)?;
    write!(copy, "\n[sisyphus: {dropped} bytes dropped here]\n")?;
    copy_range(source, copy, extent, head + dropped..extent.bytes)?;
    Ok(dropped)
}

/// Bounded even if the file grows during the copy: a survivor of the command may still write.
fn copy_range(
    source: &mut File,
    copy: &mut File,
    extent: &Extent,
    wanted: Range<u64>,
) -> io::Result<()> {
    let mut position = wanted.start;
    while position < wanted.end {
        let (place, left) = extent.locate(position);
        source.seek(SeekFrom::Start(place))?;
        let copied = io::copy(&mut (&*source).take(left.min(wanted.end - position)), copy)?;
        if copied == 0 {
            break;
        }
        position += copied;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;

    use super::*;

    fn kept(content: &[u8], kept: u64) -> (u64, String) {
        let dir = TempDir::new();
        let source = dir.path().join("source");
        fs::write(&source, content).unwrap();
        let target = dir.path().join("target");
        let mut copy = File::create_new(&target).unwrap();
        let extent = Extent::whole(content.len() as u64);
        let mut source = File::open(source).unwrap();
        let dropped = copy_ends(&mut source, &mut copy, &extent, kept).unwrap();
        (dropped, fs::read_to_string(target).unwrap())
    }

    #[test]
    fn the_clients_mark_is_no_output() {
        let dir = TempDir::new();
        let cases = [
            ("hello\n\n[exited with code 4]\n", "hello\n"),
            ("hello\n[killed]\n", "hello"),
            ("\n[exited with code 0]\n", ""),
            ("say [killed]\n", "say [killed]\n"),
            ("", ""),
        ];
        for (number, (content, expected)) in cases.into_iter().enumerate() {
            let source = dir.path().join(format!("s{number}"));
            fs::write(&source, content).unwrap();
            let target = dir.path().join(format!("t{number}"));
            keep_observed(&mut File::open(source).unwrap(), &target).unwrap();
            assert_eq!(fs::read_to_string(target).unwrap(), expected, "{content:?}");
        }
    }

    #[test]
    fn short_output_is_kept_whole() {
        assert_eq!(kept(b"hello\n", 6), (0, "hello\n".to_owned()));
        assert_eq!(kept(b"", 6), (0, String::new()));
    }

    #[test]
    fn long_output_keeps_both_ends_and_counts_the_middle() {
        assert_eq!(
            kept(b"abcdefghij", 4),
            (6, "ab\n[sisyphus: 6 bytes dropped here]\nij".to_owned())
        );
    }
}
