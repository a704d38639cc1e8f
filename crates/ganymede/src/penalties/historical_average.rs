//! Historical averaging (Salimans et al. 2016, "Improved Techniques for Training GANs", section 3.3): parameters that turn
//! in circles are held near the middle of where they have been,
//!
//! ```text
//! |theta - 1/t sum over i <= t of theta_i|^2
//! ```
use crate::nn::{Parameter, Scope};
use gany_engine::Tensor;

/// The means of a player's parameters over its moves.
#[derive(Clone, Debug)]
pub struct HistoricalAverage {
    /// Each parameter with its mean.
    parameters: Vec<(Parameter, Parameter)>,
    moves: Parameter,
}

impl HistoricalAverage {
    /// Keeps the means of what is trainable under `player` as buffers under `scope`.
    pub fn new(scope: &Scope, player: &Scope) -> HistoricalAverage {
        let trainable = player.parameters().into_iter().filter(Parameter::is_trainable);
        let with_mean = |parameter: Parameter| {
            let mean = scope.buffer(parameter.name(), parameter.shape(), 0.0);
            (parameter, mean)
        };
        HistoricalAverage {
            parameters: trainable.map(with_mean).collect(),
            moves: scope.at(player.path()).buffer("moves", &[], 0.0),
        }
    }

    /// The penalty at the parameters of this move, which it counts among those that were; a scalar.
    pub fn penalty(&self) -> Tensor {
        let moves = self.moves.get() + 1.0;
        self.moves.set(moves.clone());
        let squares = self.parameters.iter().map(|(parameter, mean)| {
            let (value, before) = (parameter.get(), mean.get());
            let after = &before + (value.detach() - &before) / &moves;
            mean.set(after.clone());
            (value - after).square().sum()
        });
        squares.reduce(|a, b| a + b).expect("a player has parameters")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Init;
    use gany_engine::{DType, grad};

    /// At 2, then 4, then 9: means 2, 3, 5; the gradient is twice the distance.
    #[test]
    fn distances_to_means_by_hand() {
        let scope = Scope::new(DType::F64, 0);
        let weight = scope.at("player").parameter("weight", &[1], Init::Zeros);
        let average = HistoricalAverage::new(&scope.at("history"), &scope.at("player"));
        let mut penalties = vec![];
        for value in [2.0, 4.0, 9.0] {
            weight.set(Tensor::from_f64(&[1], &[value]));
            let penalty = average.penalty();
            penalties.push(penalty.to_f64()[0]);
            assert_eq!(
                grad(&penalty, &[&weight.get()])[0].to_f64()[0].powi(2),
                4.0 * penalties[penalties.len() - 1]
            );
        }
        assert_eq!(penalties, [0.0, 1.0, 16.0]);
    }
}
