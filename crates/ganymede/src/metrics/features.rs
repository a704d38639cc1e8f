//! Networks whose features measures of pictures are taken in.

/// A network that says what is in a picture as numbers.
pub trait FeatureNetwork {
    /// Its name in protocols, such as `effnet-lite0`.
    fn name(&self) -> &str;
    /// SHA-256 of its weights in hexadecimal.
    fn digest(&self) -> &str;
    /// Numbers in a feature vector.
    fn dimension(&self) -> usize;
    /// How it wants pictures brought to its size, as protocols name it, such as `bicubic-antialiased 224x224`.
    fn resize(&self) -> &str;
    /// Features `[n, dimension]` and class logits `[n, classes]` (empty where it has none) of pictures `[n, height, width,
    /// channels]` in [-1, 1], channels 1 or 3, any size.
    fn answer(&mut self, pictures: &[f32], shape: [usize; 3]) -> Answer;
}

/// What a network makes of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `[n, dimension]`
    pub features: Vec<f32>,
    /// `[n, classes]`, or nothing.
    pub logits: Vec<f32>,
}
