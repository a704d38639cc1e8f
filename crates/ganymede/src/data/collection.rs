//! A set of picture files as a data set: decoded once into memory where they fit, else each time they are asked for.

use std::sync::Arc;

use rayon::prelude::*;

use super::catalogue::Catalogue;
use super::error::{DataError, Result};
use super::listing::Item;
use super::shaping::{Shaper, Size, Want, to_floats};
use super::{Dataset, Extra, Field, Shape, check_lengths, decode, marks, order};

/// Pictures of a [`Catalogue`], shaped as wanted.
#[derive(Debug)]
struct Collection {
    name: String,
    notes: Vec<String>,
    catalogue: Catalogue,
    target: Size,
    want: Want,
    extras: Vec<Extra>,
    has: Vec<Field>,
    /// The places that are marked in the shaped pictures, picture after picture.
    places: Vec<f32>,
    /// The shaped pictures one after the other, if they fit the memory budget.
    pixels: Option<Vec<u8>>,
}

/// Pictures that a thread decodes before it asks for more work.
const PICTURES_A_TASK: usize = 4;

/// Opens the pictures of a catalogue, shaped as wanted.
pub(crate) fn open(name: String, mut catalogue: Catalogue, want: &Want) -> Result<Arc<dyn Dataset>> {
    let target = want.target(catalogue.native(want)?)?;
    let bytes = catalogue.listing.items.len() as u64 * target.bytes() as u64;
    let mut notes = Vec::new();
    let pixels = if bytes > want.memory_budget_bytes {
        notes.push(format!(
            "{} pictures take {} MiB, over the memory budget: they are decoded as they are needed.",
            catalogue.listing.items.len(),
            bytes >> 20
        ));
        None
    } else {
        Some(decode_all(&mut catalogue, bytes as usize, target, want)?)
    };
    notes.splice(0..0, catalogue.notes());
    let listing = &catalogue.listing;
    let (extras, places) = (listing.marks.extras(), marks::shaped(listing, target, want)?);
    let mut has = vec![Field::X];
    has.extend(listing.classes.is_some().then_some(Field::Y));
    has.extend(extras.iter().map(|extra| extra.field));
    let want = want.clone();
    Ok(Arc::new(Collection {
        name,
        notes,
        catalogue,
        target,
        want,
        extras,
        has,
        places,
        pixels,
    }))
}

/// Decodes and shapes every picture, and takes those out of the catalogue that turn out to be broken.
fn decode_all(catalogue: &mut Catalogue, bytes: usize, target: Size, want: &Want) -> Result<Vec<u8>> {
    let mut pixels = vec![0; bytes];
    let items = &catalogue.listing.items;
    let failures: Vec<(usize, DataError)> = pixels
        .par_chunks_exact_mut(target.bytes())
        .zip(items)
        .enumerate()
        .filter_map(|(number, (to, item))| {
            let picture = decode::picture(&catalogue.listing, item, Some((target.height, target.width)));
            let shape = |(size, from): (Size, Vec<u8>)| Shaper::with(|s| s.shape(&from, size, to, target, want));
            Some((number, picture.map(shape).err()?))
        })
        .collect();
    let (mut kept, mut broken) = (0, failures.iter().map(|(number, _)| *number).peekable());
    for number in 0..items.len() {
        if broken.next_if_eq(&number).is_none() {
            let from = number * target.bytes();
            pixels.copy_within(from..from + target.bytes(), kept * target.bytes());
            kept += 1;
        }
    }
    pixels.truncate(kept * target.bytes());
    catalogue.drop(failures)?;
    Ok(pixels)
}

impl Collection {
    fn item(&self, index: u64) -> Result<&Item> {
        let items = &self.catalogue.listing.items;
        items.get(index as usize).ok_or_else(|| DataError::NoExample {
            name: self.name.clone(),
            index,
            len: items.len() as u64,
        })
    }
}

impl Dataset for Collection {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.catalogue.about.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.catalogue.listing.items.len() as u64)
    }

    fn shape(&self) -> Shape {
        self.target.into()
    }

    fn classes(&self) -> Option<&[String]> {
        self.catalogue.listing.classes.as_deref()
    }

    fn extras(&self) -> &[Extra] {
        &self.extras
    }

    fn has(&self) -> &[Field] {
        &self.has
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        Some(self.catalogue.listing.name(self.item(index).ok()?))
    }

    fn caption(&self, index: u64) -> Option<&str> {
        let caption = self.catalogue.listing.words(self.item(index).ok()?.caption);
        (!caption.is_empty()).then_some(caption)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let item = self.item(index)?;
        assert_eq!(x.len(), self.target.bytes(), "x must take one example");
        match &self.pixels {
            Some(pixels) => to_floats(&pixels[index as usize * x.len()..][..x.len()], x),
            None => {
                let side = Some((self.target.height, self.target.width));
                let (size, pixels) = decode::picture(&self.catalogue.listing, item, side)?;
                Shaper::with(|s| s.shape_to_floats(&pixels, size, x, self.target, &self.want));
            }
        }
        Ok(item.label)
    }

    fn read_extra(&self, extra: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.item(index)?;
        let floats = |extras: &[Extra]| extras.iter().map(Extra::floats).sum::<usize>();
        let start = index as usize * floats(&self.extras) + floats(&self.extras[..extra]);
        to.copy_from_slice(&self.places[start..start + self.extras[extra].floats()]);
        Ok(())
    }

    /// As the trait says; what is not in memory is decoded on all cores.
    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        check_lengths(self.target.bytes(), count, x, y);
        let items = &self.catalogue.listing.items;
        let nth = |i: usize| order::nth(seed, items.len() as u64, first + i as u64);
        for (i, y) in y.iter_mut().enumerate() {
            *y = items[nth(i) as usize].label as f32;
        }
        let examples = x.par_chunks_exact_mut(self.target.bytes()).enumerate();
        let least = if self.pixels.is_some() { count } else { PICTURES_A_TASK };
        examples
            .with_min_len(least)
            .try_for_each(|(i, x)| self.read(nth(i), x).map(drop))
    }
}
