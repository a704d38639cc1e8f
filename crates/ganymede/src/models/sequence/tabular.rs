//! CTGAN: tables instead of pictures, and if you like without saying much of any single row.
//!
//! Xu et al. 2019, "Modeling Tabular data using Conditional GAN", arXiv:1907.00503; Lin et al. 2018, "PacGAN", arXiv:1712.04086;
//! Abadi et al. 2016, "Deep Learning with Differential Privacy", arXiv:1607.00133.
//!
//! ```text
//! c = one column of categories at random, and one of its values, v with probability ~ log(1 + count of v)
//! x^ = G(z, c): tanh for offsets, softmax((logits + Gumbel noise) / temperature) for modes and categories
//! L_D = E[D(x^_1..p, c)] - E[D(x_1..p, c)] + w E[(|grad D| - 1)^2]      x real rows that have c, p of them judged together
//! L_G = -E[D(x^_1..p, c)] + E[-log G's probability of c]
//! ```
//!
//! Over `wgan_gp`: heads by column, the condition, training by sampling, packing. With `privacy.noise` the critic learns by DP-SGD,
//! and what it tells is reported as `epsilon`; then there is no condition, which would be drawn by the table's frequencies, and no
//! packing, which mixes rows. Simplified: real rows with the condition are looked for within the batch, and where there is none
//! the row's own value is the condition; no dropout in the critic and no weight decay; the encoding of the columns (their
//! ranges, modes and categories) is taken from the rows as it is, and is no part of epsilon.
use crate::data::Field;
use crate::data::columns::{Columns, Kind};
use crate::games::{Game, Player, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, BatchNorm, Declare, Dense, Layer, Parameter, Scope, batch_norm, dense};
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{self, Sided};
use crate::privacy::{Accountant, Clipping};
use gany_engine::{DType, Tensor, concat, select};
use serde::{Deserialize, Serialize};

/// Settings of [`Tabular`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rows in a batch; with `privacy.noise` all rows of the table.
    pub batch: usize,
    /// Numbers in a latent vector, beside those that draw the condition and the categories.
    pub z_dim: usize,
    /// Units of each of the two hidden layers of both networks.
    pub width: usize,
    /// Rows that the critic judges together.
    pub packed: usize,
    /// Of the softmax that chooses modes and categories.
    pub temperature: f64,
    /// Weight of the gradient penalty.
    pub penalty_weight: f64,
    /// What the critic may tell of a row.
    pub privacy: Privacy,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

/// Settings of DP-SGD.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// Standard deviation of the noise in a sum of gradients, in the length they are clipped to; 0: nothing is private.
    pub noise: f64,
    /// The length that a row's gradient is clipped to.
    pub clip: f64,
    /// The probability with which a move takes a row.
    pub rate: f64,
    /// The probability with which the promise may fail; below one over the number of rows.
    pub delta: f64,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.9]);
        Config {
            batch: 500,
            z_dim: 128,
            width: 256,
            packed: 10,
            temperature: 0.2,
            penalty_weight: 10.0,
            privacy: Privacy {
                noise: 0.0,
                clip: 1.0,
                rate: 0.1,
                delta: 1e-3,
            },
            generator: adam,
            critic: adam,
        }
    }
}

/// CTGAN.
pub struct Tabular {
    config: Config,
    columns: Columns,
    conditions: Conditions,
    generator: Generator,
    critic: Vec<Dense>,
    /// The critic's moves so far, and what they tell.
    account: Option<(Parameter, Accountant)>,
}

/// The generator's network: `[n, z_dim + conditions]` to what is still to become a row, `[n, floats]`. Each hidden layer sees
/// everything before it.
struct Generator {
    hidden: Vec<(Dense, BatchNorm)>,
    last: Dense,
}

impl Generator {
    fn declare(scope: &Scope, inputs: usize, width: usize, floats: usize) -> Generator {
        let hidden = |layer: usize| {
            let scope = scope.at(layer);
            let affine = dense(inputs + layer * width, width).bias(false);
            (
                affine.declare(&scope.at("dense")),
                batch_norm(width).declare(&scope.at("norm")),
            )
        };
        Generator {
            hidden: (0..2).map(hidden).collect(),
            last: dense(inputs + 2 * width, floats).declare(&scope.at("last")),
        }
    }

    fn forward(&self, z: &Tensor) -> Tensor {
        let seen = self.hidden.iter().fold(z.clone(), |seen, (affine, norm)| {
            let new = norm.forward(&affine.forward(&seen)).relu();
            concat(&[new, seen], 1)
        });
        self.last.forward(&seen)
    }
}

/// Every value of every column of categories, as what can be asked for.
struct Conditions {
    /// Of each value, its place in an encoded row.
    places: Vec<f64>,
    /// Of each value, the number of its column among those of categories.
    columns: Vec<usize>,
    /// Ends of the stretches of [0, 1) that draw a value: as training does, by the logarithm of frequencies.
    levelled: Vec<[f64; 2]>,
    /// Likewise, by the frequencies themselves.
    natural: Vec<[f64; 2]>,
}

impl Conditions {
    fn of(columns: &Columns) -> Conditions {
        let categories: Vec<(usize, &[u64])> = columns
            .placed()
            .filter_map(|(at, column)| match &column.kind {
                Kind::Categorical { counts, .. } => Some((at, &counts[..])),
                Kind::Numeric { .. } => None,
            })
            .collect();
        let values = || {
            categories
                .iter()
                .enumerate()
                .flat_map(|(column, (at, counts))| (0..counts.len()).map(move |value| (column, *at + value)))
        };
        Conditions {
            places: values().map(|(_, place)| place as f64).collect(),
            columns: values().map(|(column, _)| column).collect(),
            levelled: stretches(&categories, |count| (1.0 + count).ln()),
            natural: stretches(&categories, |count| count),
        }
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    /// Numbers `[n]` on [0, 1) as values, `[n, values]`: 1 in one place of each row.
    fn drawn(stretches: &[[f64; 2]], uniform: &Tensor) -> Tensor {
        let ends = |end: usize| {
            let ends: Vec<f64> = stretches.iter().map(|stretch| stretch[end]).collect();
            Tensor::from_elements(uniform.dtype(), &[1, ends.len()], &ends)
        };
        let uniform = uniform.reshape(&[uniform.numel(), 1]);
        uniform.ge(&ends(0)) * uniform.lt(&ends(1))
    }

    /// Which of the values encoded rows `[n, floats]` have, `[n, values]`.
    fn of_rows(&self, rows: &Tensor) -> Tensor {
        let places = Tensor::from_elements(rows.dtype(), &[self.len()], &self.places);
        rows.transpose().gather(&places).transpose()
    }

    /// 1 where two values are of one column, `[values, values]`.
    fn same_column(&self, dtype: DType) -> Tensor {
        let is_same = |a: &usize, b: &usize| f64::from(u8::from(a == b));
        let rows = self.columns.iter();
        let table: Vec<f64> = rows
            .flat_map(|a| self.columns.iter().map(move |b| is_same(a, b)))
            .collect();
        Tensor::from_elements(dtype, &[self.len(), self.len()], &table)
    }
}

/// Columns alike, and within each its values by the weight of their counts, as stretches of [0, 1).
fn stretches(categories: &[(usize, &[u64])], weight: impl Fn(f64) -> f64) -> Vec<[f64; 2]> {
    let mut start = 0.0;
    let mut stretches = vec![];
    for (_, counts) in categories {
        let weights: Vec<f64> = counts.iter().map(|count| weight(*count as f64)).collect();
        let sum = weights.iter().sum::<f64>() * categories.len() as f64;
        for weight in weights {
            stretches.push([start, start + weight / sum]);
            start += weight / sum;
        }
    }
    if let Some(last) = stretches.last_mut() {
        // Whatever was rounded.
        last[1] = 2.0;
    }
    stretches
}

/// The critic's scores of rows, `[n, ..]` to `[n]`, with these weights and biases: those of its layers, or a copy for each row.
fn scores(weights: &[Tensor], x: &Tensor) -> Tensor {
    let last = weights.len() / 2 - 1;
    let layers = weights.chunks_exact(2).enumerate();
    let score = layers.fold(x.clone(), |x, (number, layer)| {
        let bias = match x.rank() {
            2 => layer[1].clone(),
            _ => layer[1].reshape(&[x.extent(0), 1, layer[1].extent(1)]),
        };
        let x = x.matmul(&layer[0]) + bias;
        if number == last {
            x
        } else {
            Activation::LeakyRelu(0.2).forward(&x)
        }
    });
    score.reshape(&[x.extent(0)])
}

/// Normal numbers made uniform: their distribution function, to 2e-4 (Page 1977).
fn uniform_of(normal: &Tensor) -> Tensor {
    (normal * 1.5976 + normal.square() * normal * 0.070566).sigmoid()
}

impl Tabular {
    fn is_private(&self) -> bool {
        self.account.is_some()
    }

    /// What the generator's last layer makes of latent vectors `[n, z_dim]` and a condition `[n, values]`: `[n, floats]`.
    fn raw(&self, z: &Tensor, condition: Option<&Tensor>) -> Tensor {
        match condition {
            Some(condition) => self.generator.forward(&concat(&[z.clone(), condition.clone()], 1)),
            None => self.generator.forward(z),
        }
    }

    /// Rows `[n, floats]` of it: tanh for offsets, a softmax of what noise that is uniform on [0, 1) has been added to for choices.
    fn rows(&self, raw: &Tensor, uniform: &Tensor) -> Tensor {
        let gumbel = -(-uniform.clamp(1e-6, 1.0 - 1e-6).log()).log();
        let choice = |start, end| {
            let noisy = raw.slice(1, start, end) + gumbel.slice(1, start, end);
            (noisy * (1.0 / self.config.temperature)).softmax(1)
        };
        let heads = self.columns.placed().flat_map(|(at, column)| {
            let end = at + column.floats();
            match column.kind {
                Kind::Numeric { .. } => vec![raw.slice(1, at, at + 1).tanh(), choice(at + 1, end)],
                Kind::Categorical { .. } => vec![choice(at, end)],
            }
        });
        concat(&heads.collect::<Vec<_>>(), 1)
    }

    /// What is asked for in this step and real rows that have it, `[n, values]` and `[n, floats]`.
    fn asked(&self, s: &Step) -> Option<(Tensor, Tensor)> {
        if self.conditions.len() == 0 || self.is_private() {
            return None;
        }
        let (n, dtype) = (s.batch(), s.x().dtype());
        let rows = s.once("rows", || {
            let asked = Conditions::drawn(&self.conditions.levelled, &s.uniform(&[n]));
            let fits = asked.matmul(&self.conditions.of_rows(s.x()).transpose());
            // One of the rows that fit, all alike.
            let drawn = &fits * (s.uniform(&[n, n]) + 1.0);
            let found = drawn.max_axes(&[1]).positive();
            let rows = select(&found, &drawn.argmax(1), &Tensor::arange(dtype, n));
            let column = asked.matmul(&self.conditions.same_column(dtype));
            concat(&[rows.reshape(&[n, 1]), column], 1)
        });
        let x = s.x().gather(&rows.slice(1, 0, 1).reshape(&[n]));
        let condition = self.conditions.of_rows(&x) * rows.slice(1, 1, 1 + self.conditions.len());
        Some((condition, x))
    }

    /// Raw rows of this step.
    fn made(&self, s: &Step, condition: Option<&Tensor>) -> Tensor {
        s.once("raw", || {
            self.raw(&s.normal(&[s.batch(), self.config.z_dim]), condition)
        })
    }

    fn fakes(&self, s: &Step, raw: &Tensor) -> Tensor {
        s.once("x_fake", || self.rows(raw, &s.uniform(raw.shape())))
    }

    /// Rows with their condition as the critic judges them, `[n / packed, ..]`; of a batch that a probe brings, whole packs, and one
    /// at least.
    fn packed(&self, rows: &Tensor, condition: Option<&Tensor>) -> Tensor {
        let rows = condition.map_or(rows.clone(), |condition| concat(&[rows.clone(), condition.clone()], 1));
        let (packed, floats) = (self.config.packed, rows.extent(1));
        let rows = concat(&vec![rows.clone(); packed.div_ceil(rows.extent(0))], 0);
        let packs = rows.extent(0) / packed;
        rows.slice(0, 0, packs * packed).reshape(&[packs, packed * floats])
    }

    fn weights(&self) -> Vec<Tensor> {
        let of = |layer: &Dense| {
            [
                layer.weight.get(),
                layer.bias.as_ref().expect("declared with a bias").get(),
            ]
        };
        self.critic.iter().flat_map(of).collect()
    }

    fn critic_loss(&self, s: &Step) -> Tensor {
        let asked = self.asked(s);
        let condition = asked.as_ref().map(|(condition, _)| condition);
        let x_fake = self.fakes(s, &self.made(s, condition)).detach();
        if let Some((moves, accountant)) = &self.account {
            return self.private_loss(s, &x_fake, moves, accountant);
        }
        let x = asked.as_ref().map_or(s.x(), |(_, x)| x);
        let (real, fake) = (self.packed(x, condition), self.packed(&x_fake, condition));
        let (gap, penalty) = self.gap(s, &self.weights(), &real, &fake);
        s.report("critic.gap", &-&gap);
        s.report("gradient_norm.critic", &penalty.gradient_norm);
        gap + penalty.value * self.config.penalty_weight
    }

    /// The critic's gap between data and samples with these weights, negated, and its gradient penalty.
    fn gap(&self, s: &Step, weights: &[Tensor], real: &Tensor, fake: &Tensor) -> (Tensor, gradient::Penalty) {
        let judge = |x: &Tensor| scores(weights, x);
        let epsilon = s.uniform(&[real.extent(0)]);
        let penalty = gradient::interpolated(judge, real, fake, &epsilon, Sided::Two);
        (wasserstein::critic(&judge(real), &judge(fake)), penalty)
    }

    fn private_loss(&self, s: &Step, x_fake: &Tensor, moves: &Parameter, accountant: &Accountant) -> Tensor {
        let Privacy { noise, clip, rate, .. } = self.config.privacy;
        let clipping = Clipping {
            length: clip,
            noise,
            rate,
        };
        // A row each, so that each can meet weights of its own.
        let [real, fake] = [s.x(), x_fake].map(|x| x.reshape(&[x.extent(0), 1, x.extent(1)]));
        let taken = s.uniform(&[s.batch()]).lt(&Tensor::full(s.x().dtype(), &[], rate));
        let loss = |weights: &[Tensor]| {
            let (gap, penalty) = self.gap(s, weights, &real, &fake);
            gap + penalty.value * self.config.penalty_weight
        };
        moves.set(moves.get() + 1.0);
        s.report("epsilon", &epsilon(accountant, &moves.get()));
        clipping.loss(&self.weights(), &taken, loss, |shape| s.normal(shape))
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let asked = self.asked(s);
        let condition = asked.as_ref().map(|(condition, _)| condition);
        let raw = self.made(s, condition);
        let judged = scores(&self.weights(), &self.packed(&self.fakes(s, &raw), condition));
        let adversarial = wasserstein::generator(&judged);
        let Some(condition) = condition else { return adversarial };
        let logits = self.columns.placed().filter_map(|(at, column)| match column.kind {
            Kind::Categorical { .. } => Some(raw.slice(1, at, at + column.floats()).log_softmax(1)),
            Kind::Numeric { .. } => None,
        });
        let likelihood = concat(&logits.collect::<Vec<_>>(), 1) * condition;
        let surprise = -(likelihood.sum() * (1.0 / s.batch() as f64));
        s.report("loss.condition", &surprise);
        adversarial + surprise
    }
}

/// What so many moves tell.
fn epsilon(accountant: &Accountant, moves: &Tensor) -> Tensor {
    let (steps, once): (Vec<f64>, Vec<f64>) = accountant.terms().unzip();
    let [steps, once] = [steps, once].map(|terms| Tensor::from_elements(moves.dtype(), &[terms.len()], &terms));
    (moves * steps + once).min_axes(&[0]).relu()
}

impl System for Tabular {
    fn game(&self) -> Game {
        Game::step(Player::new("critic", self.config.critic), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "critic" => self.critic_loss(s),
            _ => self.generator_loss(s),
        }
    }

    /// A latent vector says everything of a row: behind the generator's numbers one that draws the condition, and for each number
    /// of the row one that draws its mode or category.
    fn z_dim(&self) -> usize {
        self.config.z_dim + 1 + self.columns.floats()
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        let at = self.config.z_dim;
        let uniform = uniform_of(&z.slice(1, at, z.extent(1)));
        let has_condition = self.conditions.len() > 0 && !self.is_private();
        let condition =
            has_condition.then(|| Conditions::drawn(&self.conditions.natural, &uniform.slice(1, 0, 1).flatten_from(0)));
        let raw = self.raw(&z.slice(1, 0, at), condition.as_ref());
        self.rows(&raw, &uniform.slice(1, 1, 1 + self.columns.floats()))
    }
}

impl Describe for Tabular {
    type Config = Config;

    const CARD: Card = Card {
        id: "tabular",
        section: Section::Sequence,
        title: "CTGAN",
        paper: "Xu et al. 2019, Modeling Tabular data using Conditional GAN, arXiv:1907.00503",
        idea: "Rows of a table: an offset from a mode for every number, a choice for every category, and rare categories asked for as often as others.",
        equations: &[
            "L_D = E[D(x^_1..p, c)] - E[D(x_1..p, c)] + w E[(|grad D| - 1)^2],  x real rows that have c, p judged together",
            "L_G = -E[D(x^_1..p, c)] + E[-log p_G(c)]",
        ],
        needs: &[Field::X],
        takes: Takes::Tables,
        data: "breast-cancer",
        over: Some("wgan_gp"),
    };

    fn check(config: &Config, given: &Given) -> Result<(), String> {
        let Some(columns) = &given.columns else {
            return Err("expected the columns of a table, got none".to_owned());
        };
        let Privacy {
            noise,
            clip,
            rate,
            delta,
        } = config.privacy;
        if noise == 0.0 {
            return match config.packed > 0 && config.batch.is_multiple_of(config.packed) {
                true => Ok(()),
                false => Err(format!(
                    "expected a batch that is a multiple of packed={}, got batch={}",
                    config.packed, config.batch
                )),
            };
        }
        if !(noise > 0.0 && clip > 0.0 && rate > 0.0 && rate <= 1.0 && delta > 0.0 && delta < 1.0) {
            return Err(
                "expected privacy.noise and privacy.clip above 0, privacy.rate and privacy.delta between 0 and 1"
                    .into(),
            );
        }
        if config.packed != 1 {
            return Err(format!(
                "with privacy rows are judged one by one: expected packed=1, got packed={}",
                config.packed
            ));
        }
        if config.batch as u64 != columns.rows {
            return Err(format!(
                "with privacy a batch is the whole table, of which every move takes each row with probability privacy.rate: \
                 expected batch={}, got batch={}",
                columns.rows, config.batch
            ));
        }
        Ok(())
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let columns = given.columns.clone().expect("checked: a table has columns");
        let conditions = Conditions::of(&columns);
        let privacy = &config.privacy;
        let account = (privacy.noise > 0.0).then(|| {
            let moves = scope.at("privacy").buffer("moves", &[], 0.0);
            (moves, Accountant::new(privacy.rate, privacy.noise, privacy.delta))
        });
        let (floats, width) = (columns.floats(), config.width);
        let asked = if account.is_some() { 0 } else { conditions.len() };
        let layer = |(number, [inputs, outputs]): (usize, [usize; 2])| {
            dense(inputs, outputs).declare(&scope.at("critic").at(number))
        };
        let extents = [[config.packed * (floats + asked), width], [width, width], [width, 1]];
        Tabular {
            generator: Generator::declare(&scope.at("generator"), config.z_dim + asked, width, floats),
            critic: extents.into_iter().enumerate().map(layer).collect(),
            conditions,
            columns,
            account,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::data::columns::Column;
    use crate::data::mixture::Mode;
    use crate::games::{Play, latent_vectors};

    /// A number of two modes, and a category that one of four rows has.
    fn columns() -> Columns {
        let mode = |mean| Mode {
            share: 0.5,
            mean,
            std_dev: 1.0,
        };
        let numeric = Kind::Numeric {
            modes: vec![mode(-5.0), mode(5.0)],
            range: [-8.0, 8.0],
            decimals: None,
        };
        let categorical = Kind::Categorical {
            values: vec!["often".into(), "rarely".into()],
            counts: vec![6, 2],
        };
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
        };
        Columns {
            rows: 8,
            columns: vec![column("x", numeric), column("y", categorical)],
        }
    }

    fn given() -> Given {
        Given {
            columns: Some(columns()),
            ..Given::of(Shape::Row { floats: 5 }, Some(2))
        }
    }

    fn built(change: impl Fn(&mut Config)) -> (Tabular, Scope) {
        let mut config = Config {
            batch: 8,
            z_dim: 3,
            width: 16,
            packed: 2,
            ..Config::default()
        };
        change(&mut config);
        Tabular::check(&config, &given()).unwrap();
        let scope = Scope::new(DType::F32, 0);
        (Tabular::build(config, &given(), &scope), scope)
    }

    /// Rows at the modes: those of the second have the rare category.
    fn rows(n: usize) -> Vec<f32> {
        let row = |i: usize| columns().encode(0, &if i.is_multiple_of(4) { [5.0, 1.0] } else { [-5.0, 0.0] });
        (0..n).flat_map(row).collect()
    }

    #[test]
    fn heads_are_an_offset_and_choices() {
        let (system, _) = built(|_| {});
        let raw = Tensor::from_f32(&[1, 5], &[0.5, 1.0, 1.0, 2.0, 0.0]);
        // Equal noise changes no choice: logits 2 and 0 at temperature 0.2 differ by 10.
        let row = system.rows(&raw, &Tensor::full(DType::F32, &[1, 5], 0.5)).to_f64();
        let rare = 1.0 / (1.0 + 10.0_f64.exp());
        for (got, expected) in row.iter().zip([0.5_f64.tanh(), 0.5, 0.5, 1.0 - rare, rare]) {
            assert!((got - expected).abs() < 1e-6, "{row:?}");
        }
    }

    #[test]
    fn values_are_drawn_by_frequency_or_its_logarithm() {
        let conditions = Conditions::of(&columns());
        assert_eq!(conditions.places, [3.0, 4.0]);
        assert_eq!(conditions.natural[0], [0.0, 0.75]);
        let levelled = 7.0_f64.ln() / (7.0_f64.ln() + 3.0_f64.ln());
        assert!((conditions.levelled[0][1] - levelled).abs() < 1e-12);
        let uniform = Tensor::from_f64(&[3], &[0.0, 0.75, 0.99]);
        let drawn = Conditions::drawn(&conditions.natural, &uniform);
        assert_eq!(drawn.to_f64(), [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
        let normal = Tensor::from_f64(&[3], &[-1.0, 0.0, 1.959964]);
        for (got, expected) in uniform_of(&normal).to_f64().iter().zip([0.158655, 0.5, 0.975]) {
            assert!((got - expected).abs() < 2e-4, "{got}");
        }
    }

    /// The rare rows come with the second mode; asked for categories have the rows that belong to them.
    #[test]
    fn it_learns_which_mode_goes_with_which_category() {
        let (system, scope) = built(|config| {
            config.batch = 64;
            config.width = 32;
            let adam = OptimiserConfig::adam(2e-3, [0.5, 0.9]);
            (config.generator, config.critic) = (adam, adam);
        });
        let mut play = Play::new(Box::new(system), scope, given().of_batch(64), 0);
        play.batch_mut(0).0.copy_from_slice(&rows(64));
        (0..300).for_each(|n| play.step(n));
        let z = latent_vectors(1, 0, 400, play.system().z_dim());
        let made = play.sample(&z, None);
        let decoded: Vec<Vec<f64>> = made.chunks_exact(5).map(|row| columns().decode(row)).collect();
        let rare = decoded.iter().filter(|row| row[1] == 1.0).count();
        assert!((60..140).contains(&rare), "{rare} of 400, a quarter of them by nature");
        let fits = decoded.iter().filter(|row| (row[0] > 0.0) == (row[1] == 1.0)).count();
        assert!(fits > 360, "{fits} of 400 have the mode of their category");
    }

    #[test]
    fn packs_are_whole() {
        let (system, _) = built(|_| {});
        for (rows, packs) in [(7, 3), (2, 1), (1, 1)] {
            let packed = system.packed(&Tensor::full(DType::F32, &[rows, 5], 1.0), None);
            assert_eq!(packed.shape(), [packs, 10]);
        }
    }

    #[test]
    fn a_private_critic_says_what_it_tells() {
        let (system, scope) = built(|config| {
            config.packed = 1;
            config.privacy.noise = 2.0;
        });
        let mut play = Play::new(Box::new(system), scope, given().of_batch(8), 0);
        play.batch_mut(0).0.copy_from_slice(&rows(8));
        (0..3).for_each(|n| play.step(n));
        let expected = Accountant::new(0.1, 2.0, 1e-3).epsilon(3);
        assert!((play.reports(2)["epsilon"] / expected - 1.0).abs() < 1e-4);
        assert!(play.reports(2)["loss.critic"].is_finite());
    }

    #[test]
    fn settings_that_would_break_the_promise_are_refused() {
        let message = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            Tabular::check(&config, &given()).unwrap_err()
        };
        assert_eq!(
            message(&|config| config.batch = 7),
            "expected a batch that is a multiple of packed=10, got batch=7"
        );
        assert_eq!(
            message(&|config| config.privacy.noise = 1.0),
            "with privacy rows are judged one by one: expected packed=1, got packed=10"
        );
        assert_eq!(
            message(&|config| {
                config.privacy.noise = 1.0;
                config.packed = 1;
            }),
            "with privacy a batch is the whole table, of which every move takes each row with probability privacy.rate: expected \
             batch=8, got batch=500"
        );
        assert!(message(&|config| config.privacy.noise = -1.0).starts_with("expected privacy.noise"));
    }
}
