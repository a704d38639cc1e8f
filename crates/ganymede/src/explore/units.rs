//! The units of a layer in one picture: where each of them responds, and what the picture is with some of them off or up.
//!
//! Bau et al. 2019, "GAN Dissection", arXiv:1811.10597, sections 3.1 and 3.2, on a picture of one's own and without a segmenter:
//!
//! ```text
//! a_u := f_u a_u everywhere          f_u: 0 silences unit u (their ablation), more than 1 makes it louder
//! strength of u: mean |a_u|
//! ```
use super::dissection::{Edit, enlarged};
use super::{Code, ExploreError, Explorer};
use crate::games::{Surgery, UnitLayer};

/// The layers of maps that a generator's pictures go through, from the code on.
pub fn layers(explorer: &Explorer) -> Vec<UnitLayer> {
    UnitLayer::all(explorer.sampler.play())
}

/// A generator opened at a layer, for one code at a time.
pub struct Opened {
    surgery: Surgery,
}

/// What came of a code.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The picture, with units changed as they were asked to be.
    pub picture: Vec<f32>,
    /// All units, the strongest first, as they respond before anything is changed in their layer.
    pub units: Vec<Unit>,
    maps: Vec<f32>,
    extents: [usize; 3],
}

/// How a unit responds to a code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// Its number in the layer.
    pub number: usize,
    /// The mean of the absolute values of its map.
    pub strength: f32,
    /// The least and the most value of its map.
    pub range: [f32; 2],
}

impl Opened {
    /// Opens a generator at the layer of this name.
    ///
    /// # Errors
    /// [`ExploreError::NoLayer`] where pictures go through no such layer.
    pub fn at(explorer: &Explorer, name: &str) -> Result<Opened, ExploreError> {
        let layers = layers(explorer);
        let layer = layers.iter().find(|layer| layer.name == name);
        let layer = layer.ok_or_else(|| ExploreError::NoLayer {
            got: name.to_owned(),
            known: layers.iter().map(|layer| layer.name.clone()).collect(),
        })?;
        let synthesis = explorer.styles().map(|styled| styled.synthesis);
        let is_labelled = synthesis.is_none() && explorer.sampler.classes().is_some();
        let surgery = Surgery::of(explorer.sampler.play(), synthesis, layer, 1, is_labelled);
        Ok(Opened { surgery })
    }

    /// The layer.
    pub fn layer(&self) -> &UnitLayer {
        self.surgery.layer()
    }

    /// What the units respond to a code, and its picture with units that say so many times as much.
    ///
    /// # Errors
    /// [`ExploreError::NoUnit`] where the layer has no such unit.
    pub fn look(
        &mut self,
        explorer: &mut Explorer,
        code: &Code,
        factors: &[(usize, f32)],
    ) -> Result<Response, ExploreError> {
        let layer = self.surgery.layer().clone();
        let count = layer.extents[2];
        if let Some((got, _)) = factors.iter().find(|(unit, _)| *unit >= count) {
            return Err(ExploreError::NoUnit { got: *got, count });
        }
        let edit = Edit::times(&layer, factors);
        let y = code
            .class
            .filter(|_| explorer.styles().is_none())
            .map(|class| [class as f32]);
        let play = explorer.sampler.play_mut();
        let operated = self
            .surgery
            .operate(play, &code.values, y.as_ref().map(|y| &y[..]), [&edit.keep, &edit.put]);
        let mut units: Vec<Unit> = (0..count).map(|number| unit(number, &operated.maps, count)).collect();
        units.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        Ok(Response {
            picture: operated.samples,
            units,
            maps: operated.maps,
            extents: layer.extents,
        })
    }
}

fn unit(number: usize, maps: &[f32], count: usize) -> Unit {
    let values = || maps.iter().skip(number).step_by(count);
    let strength = values().map(|value| value.abs()).sum::<f32>() / (maps.len() / count) as f32;
    let range = values().fold([f32::INFINITY, f32::NEG_INFINITY], |[least, most], value| {
        [least.min(*value), most.max(*value)]
    });
    Unit {
        number,
        strength,
        range,
    }
}

impl Response {
    /// The map of a unit brought to these sides, `[height, width]`.
    ///
    /// # Panics
    /// Where there is no such unit.
    pub fn map(&self, unit: usize, [height, width]: [usize; 2]) -> Vec<f32> {
        let [rows, columns, count] = self.extents;
        assert!(unit < count, "map: the layer has {count} units, not unit {unit}");
        let values: Vec<f32> = self.maps.iter().skip(unit).step_by(count).copied().collect();
        enlarged(&values, [rows, columns, 1], [height, width])
    }
}
