//! What the headers of pages claim, before memory is taken for it.
//!
//! The reader takes as much memory as a page's header says that it unpacks to, up to 2 GiB, whatever the page holds. Headers
//! are structs of Thrift's compact protocol, of which the second field is the size unpacked and the third the size packed.
use ::parquet::file::reader::ChunkReader;
use std::io::Read;
use std::ops::Range;

/// The most that a page may unpack to, in bytes.
const LARGEST: u64 = 512 << 20;
/// The most that LZ4 packs into a byte; Snappy packs less.
const DENSEST: u64 = 255;
/// Structs within structs that a header may have; Parquet's have three.
const DEEPEST: usize = 8;

/// Walks over the headers of the pages that lie in `range` of a file; the pages themselves are not read.
///
/// # Errors
/// What is wrong with the first page that is cut off or claims more than it can hold.
pub(super) fn check(file: &impl ChunkReader, range: Range<u64>) -> Result<(), String> {
    let mut at = range.start;
    while at < range.end {
        let mut header = Header {
            reader: file.get_read(at).map_err(|error| error.to_string())?,
            left: range.end - at,
        };
        let [unpacked, packed] = header.sizes()?;
        if packed > header.left {
            return Err(format!("a page of {packed} bytes where {} are left", header.left));
        }
        if unpacked > LARGEST.min(DENSEST * packed + DENSEST) {
            return Err(format!("a page of {packed} bytes that claims to hold {unpacked}"));
        }
        at = range.end - header.left + packed;
    }
    Ok(())
}

/// Reads headers byte by byte.
struct Header<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Header<R> {
    /// The sizes of a page, unpacked and packed, behind whose header it stands then.
    fn sizes(&mut self) -> Result<[u64; 2], String> {
        let mut sizes = [None; 2];
        let mut number = 0;
        while let Some((delta, kind)) = self.field()? {
            number = if delta == 0 { self.signed()? } else { number + delta };
            match number {
                2 | 3 if kind == 5 => sizes[number as usize - 2] = u64::try_from(self.signed()?).ok(),
                _ => self.value(kind, 0)?,
            }
        }
        match sizes {
            [Some(unpacked), Some(packed)] => Ok([unpacked, packed]),
            _ => Err("a page without its sizes".into()),
        }
    }

    /// The head of a field: how far its number lies behind the last one's (0: it is written out) and its kind; `None` at the
    /// end of a struct.
    fn field(&mut self) -> Result<Option<(i64, u8)>, String> {
        let head = self.byte()?;
        Ok((head != 0).then_some((i64::from(head >> 4), head & 15)))
    }

    /// Reads over a value of this kind.
    fn value(&mut self, kind: u8, depth: usize) -> Result<(), String> {
        match kind {
            // Of a field, truth is in its kind.
            1 | 2 => Ok(()),
            3 => self.skip(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 {
                    self.varint()?
                } else {
                    u64::from(head >> 4)
                };
                // Every element takes a byte at least, so the pages' end ends this.
                (0..count).try_for_each(|_| match head & 15 {
                    1 | 2 => self.skip(1),
                    kind => self.value(kind, depth + 1),
                })
            }
            12 if depth < DEEPEST => {
                while let Some((delta, kind)) = self.field()? {
                    if delta == 0 {
                        self.signed()?;
                    }
                    self.value(kind, depth + 1)?;
                }
                Ok(())
            }
            _ => Err(format!("a page header with a field of kind {kind}")),
        }
    }

    fn signed(&mut self) -> Result<i64, String> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a page header with a number that does not end".into())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let mut byte = [0];
        self.left = self.left.checked_sub(1).ok_or("a page header that is cut off")?;
        self.reader.read_exact(&mut byte).map_err(|error| error.to_string())?;
        Ok(byte[0])
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(count).ok_or("a page that is cut off")?;
        let skipped = std::io::copy(&mut self.reader.by_ref().take(count), &mut std::io::sink());
        match skipped {
            Ok(skipped) if skipped == count => Ok(()),
            Ok(_) => Err("a page that is cut off".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a page with these sizes, written by hand: type 0, both sizes, a struct of one field, and the end.
    fn page(unpacked: u32, packed: u32) -> Vec<u8> {
        let number = |value: u32| {
            let (mut zigzag, mut bytes) = (u64::from(value) << 1, vec![]);
            while zigzag > 127 {
                bytes.push(zigzag as u8 | 128);
                zigzag >>= 7;
            }
            bytes.push(zigzag as u8);
            bytes
        };
        let fields = [vec![0x15, 0, 0x15], number(unpacked), vec![0x15], number(packed)].concat();
        [fields, vec![0x2c, 0x15, 6, 0, 0], vec![7; packed as usize]].concat()
    }

    #[test]
    fn pages_may_claim_what_packing_can_do() {
        let check = |bytes: &[u8]| check(&bytes::Bytes::copy_from_slice(bytes), 0..bytes.len() as u64);
        assert_eq!(check(&[page(1000, 10), page(300, 300)].concat()), Ok(()));
        assert_eq!(
            check(&[page(1000, 10), page(1 << 30, 300)].concat()),
            Err("a page of 300 bytes that claims to hold 1073741824".into())
        );
        let cut = page(10, 10);
        assert_eq!(
            check(&cut[..cut.len() - 1]),
            Err("a page of 10 bytes where 9 are left".into())
        );
        assert_eq!(check(&cut[..5]), Err("a page header that is cut off".into()));
        // A struct in a struct without end, and a list of a thousand million of them.
        assert!(check(&[0x1c; 100]).unwrap_err().contains("kind 12"));
        assert!(check(&[0x19, 0xfc, 255, 255, 255, 255, 3]).is_err());
    }
}
