//! What a generative model is: the explicit ones that GANs are compared with.
pub mod autoencoder;
pub mod bayes_classifier;
pub mod cvae;
pub mod vae;
