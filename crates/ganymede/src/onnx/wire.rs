//! Protocol Buffers as they lie in a file: fields, each a number and a value of one of four kinds. What is read is a place in the file,
//! so nothing is copied, and nothing is asked for that the file does not hold.
//!
//! Google, Protocol Buffers: Encoding, <https://protobuf.dev/programming-guides/encoding>.
use super::error::{Problem, Result};
use std::ops::Range;

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    /// A whole number, seven bits a byte.
    Varint(u64),
    /// Eight bytes.
    Eight([u8; 8]),
    /// Four bytes.
    Four([u8; 4]),
    /// A text, a message, or numbers one after the other: where it lies in the file.
    Bytes(Range<usize>),
}

/// The fields of a message that lies in a stretch of a file, in their order.
pub(super) struct Fields<'f> {
    file: &'f [u8],
    at: usize,
    end: usize,
}

impl<'f> Fields<'f> {
    /// The fields of a stretch within the file.
    pub(super) fn of(file: &'f [u8], within: Range<usize>) -> Fields<'f> {
        Fields {
            file,
            at: within.start,
            end: within.end,
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let [byte] = self.take::<1>()?;
            number |= u64::from(byte & 0x7f) << (7 * place).min(63);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Problem::damaged("a number of more than ten bytes"))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.file[self.at..self.end].first_chunk::<N>();
        let bytes = bytes.ok_or_else(|| Problem::damaged("it ends in the middle of a field"))?;
        self.at += N;
        Ok(*bytes)
    }

    fn field(&mut self) -> Result<(u64, Field)> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Eight(self.take()?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= self.end - self.at);
                let length = length.ok_or_else(|| Problem::damaged("a field that is longer than what holds it"))?;
                self.at += length;
                Field::Bytes(self.at - length..self.at)
            }
            5 => Field::Four(self.take()?),
            kind => return Err(Problem::damaged(format!("a field of the unknown kind {kind}"))),
        };
        Ok((tag >> 3, field))
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(u64, Field)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}

fn unexpected<T>() -> Result<T> {
    Err(Problem::damaged("a field of another kind than ONNX has there"))
}

impl Field {
    /// A message, a text or bytes.
    pub(super) fn bytes(self) -> Result<Range<usize>> {
        match self {
            Field::Bytes(range) => Ok(range),
            _ => unexpected(),
        }
    }

    /// A whole number.
    pub(super) fn whole(&self) -> Result<i64> {
        match self {
            Field::Varint(number) => Ok(number.cast_signed()),
            _ => unexpected(),
        }
    }

    /// A float of four bytes.
    pub(super) fn float(&self) -> Result<f32> {
        match self {
            Field::Four(bytes) => Ok(f32::from_le_bytes(*bytes)),
            _ => unexpected(),
        }
    }

    /// A text; what is no UTF-8 is replaced.
    pub(super) fn text(self, file: &[u8]) -> Result<String> {
        Ok(String::from_utf8_lossy(&file[self.bytes()?]).into_owned())
    }

    /// Adds a whole number, or as many as are packed.
    pub(super) fn wholes(self, file: &[u8], to: &mut Vec<i64>) -> Result<()> {
        let Field::Bytes(range) = self else {
            to.push(self.whole()?);
            return Ok(());
        };
        let mut packed = Fields::of(file, range);
        while packed.at < packed.end {
            to.push(packed.varint()?.cast_signed());
        }
        Ok(())
    }

    /// Adds a float of four bytes, or as many as are packed.
    pub(super) fn floats(self, file: &[u8], to: &mut Vec<f32>) -> Result<()> {
        let Field::Bytes(range) = self else {
            to.push(self.float()?);
            return Ok(());
        };
        let (numbers, rest) = file[range].as_chunks::<4>();
        to.extend(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        if rest.is_empty() { Ok(()) } else { unexpected() }
    }

    /// Adds a float of eight bytes, or as many as are packed, rounded.
    pub(super) fn doubles(self, file: &[u8], to: &mut Vec<f32>) -> Result<()> {
        let one = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes) as f32;
        match self {
            Field::Eight(bytes) => to.push(one(&bytes)),
            Field::Bytes(range) => {
                let (numbers, rest) = file[range].as_chunks::<8>();
                to.extend(numbers.iter().map(one));
                if !rest.is_empty() {
                    return unexpected();
                }
            }
            _ => return unexpected(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(file: &[u8]) -> Result<Vec<(u64, Field)>> {
        Fields::of(file, 0..file.len()).collect()
    }

    #[test]
    fn fields_by_hand() {
        // Google's own examples: field 1 is 150, field 2 the text `testing`.
        let file = b"\x08\x96\x01\x12\x07testing";
        assert_eq!(
            fields(file).unwrap(),
            [(1, Field::Varint(150)), (2, Field::Bytes(5..12))]
        );
        assert_eq!(Field::Bytes(5..12).text(file).unwrap(), "testing");
        assert_eq!(
            fields(b"\x0d\0\0\x80\x3f").unwrap()[0].1.float().unwrap().to_bits(),
            1.0_f32.to_bits()
        );
        // -1 takes ten bytes.
        let minus_one = [&[8][..], &[0xff; 9], &[1]].concat();
        assert_eq!(fields(&minus_one).unwrap()[0].1.whole().unwrap(), -1);
        let (mut packed, file) = (vec![], [3, 0x96, 1]);
        Field::Bytes(0..3).wholes(&file, &mut packed).unwrap();
        assert_eq!(packed, [3, 150]);
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_said() {
        let said = |file: &[u8]| fields(file).unwrap_err().to_string();
        assert_eq!(said(&[8]), "damaged ONNX file: it ends in the middle of a field");
        assert_eq!(
            said(&[0x12, 5, 1]),
            "damaged ONNX file: a field that is longer than what holds it"
        );
        assert_eq!(said(&[0xff; 11]), "damaged ONNX file: a number of more than ten bytes");
        assert_eq!(said(&[0x0b]), "damaged ONNX file: a field of the unknown kind 3");
    }
}
