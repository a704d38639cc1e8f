//! `pix2pix`: outlines of emoji into their colours, held out, against the same U-Net with L1 alone; and photographs of their
//! edges, and of their nights. Edges are of one kind of thing, as in the paper: the faces of people never seen. Those of small
//! pieces of landscapes do not say what is sky and what sand, and their figures are there to show it.
use crate::Result;
use crate::made::{Nearness, Ruler, Set, crops, faces, median_of, record, show, write_pairs};
use crate::record::Evidence;
use crate::training::{self, Changes, applied, order, settings};
use ganymede::data::{self, Want};
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
/// Pixels a side of a face.
const FACES_SIDE: usize = 64;
const STEPS: u64 = 2_000;
/// Steps of the tasks on photographs: of faces there are few, of landscapes each piece is another.
const FACES_STEPS: u64 = 2_000;
const LANDSCAPES_STEPS: u64 = 6_000;
/// Narrower than the paper's 64 channels and in larger batches, for two processor cores.
const CHANGES: Changes = &[("width", "16"), ("batch", "16"), ("patch_levels", "2")];
/// Every so many emoji one is held out.
const HELD_OUT: usize = 10;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut ruler = Ruler::new()?;
    data::get("openmoji", &mut |line| println!("      {line}"))?;
    let [outlines, colours] = emoji()?;
    let split = |set: &Set, is_test: bool| set.those(|i| (i % HELD_OUT == 0) == is_test);
    let data = write_pairs("openmoji-pairs", &split(&outlines, false), &split(&colours, false))?;
    let (from, to) = (split(&outlines, true), split(&colours, true));
    evidence.figure("pairs.held_out", to.count());

    let mut found = [vec![], vec![]];
    let mut shown = vec![];
    for seed in SEEDS {
        for (which, adversarial) in ["1", "0"].into_iter().enumerate() {
            let changes = [CHANGES, &[("adversarial", adversarial)]].concat();
            let name = ["pix2pix", "pix2pix-l1"][which];
            let mut run = training::train(
                &format!("{name}-{seed}"),
                order("pix2pix", &data, &changes, seed, STEPS),
            )?;
            let made = to.like(applied(run.play(), "translate", &from.values, from.floats()));
            let near = ruler.measure(&made, &to);
            found[which].push(near);
            evidence.settings(name, settings(&run)?);
            if seed == 0 {
                shown.push(made);
            }
        }
    }
    let pair = |figure: fn(&Nearness) -> f64| found.each_ref().map(|runs| median_of(runs, figure));
    let (lpips, ssim, psnr) = (pair(|n| n.lpips), pair(|n| n.ssim), pair(|n| n.psnr));
    for (name, runs) in ["pix2pix", "l1"].into_iter().zip(&found) {
        record(&mut evidence, name, runs);
    }
    evidence.check(
        "LPIPS-like on held-out emoji below that of L1 alone, median of 3 seeds",
        "< 1 times",
        format!("{:.4} / {:.4} = {:.2}", lpips[0], lpips[1], lpips[0] / lpips[1]),
        lpips[0] < lpips[1],
    );
    let columns = [&from, &shown[0], &shown[1], &to];
    show("pix2pix", &columns, 48)?;
    evidence.figure("order", json!(["outline", "pix2pix", "L1 alone", "truth"]));

    let pieces = [
        crops("landscapes", SIDE, &[2, 4, 8])?,
        crops("landscapes-held-out", SIDE, &[2, 4])?,
    ];
    let faces = faces(FACES_SIDE)?;
    let tasks: [Task; 3] = [
        (
            "edges->face",
            &faces,
            edges,
            whole,
            FACES_STEPS,
            Some("edges->photo: LPIPS-like of unseen people's faces below that of their edges"),
        ),
        ("edges->landscape", &pieces, edges, whole, LANDSCAPES_STEPS, None),
        (
            "day->night",
            &pieces,
            whole,
            night,
            LANDSCAPES_STEPS,
            Some("day->night: held-out LPIPS-like below that of the day"),
        ),
    ];
    for (task, [known, unseen], make_a, make_b, steps, claim) in tasks {
        let name = task.replace("->", "-to-");
        let of = |set: &Set, make: Make| set.each(|picture| make(picture, set.shape));
        let data = write_pairs(&name, &of(known, make_a), &of(known, make_b))?;
        let (from, to) = (of(unseen, make_a), of(unseen, make_b));
        let mut run = training::train(&format!("pix2pix-{name}"), order("pix2pix", &data, CHANGES, 0, steps))?;
        let made = to.like(applied(run.play(), "translate", &from.values, from.floats()));
        let (near, as_is) = (ruler.measure(&made, &to), ruler.measure(&from, &to));
        record(&mut evidence, task, &[near]);
        record(&mut evidence, &format!("{task}.as_it_is"), &[as_is]);
        if let Some(claim) = claim {
            evidence.check(
                claim,
                "< 1 times",
                format!("{:.4} / {:.4}", near.lpips, as_is.lpips),
                near.lpips < as_is.lpips,
            );
        }
        show(&format!("pix2pix-{name}"), &[&from, &made, &to], 48)?;
    }
    evidence.figure = format!(
        "openmoji outline to colour, held out: LPIPS-like {:.3} against {:.3} of L1 alone (SSIM {:.3} / {:.3}, PSNR {:.1} / {:.1} dB)",
        lpips[0], lpips[1], ssim[0], ssim[1], psnr[0], psnr[1]
    );
    Ok(evidence)
}

/// Outlines and colours.
fn emoji() -> Result<[Set; 2]> {
    let pairs = data::open("openmoji", &Want::picture(SIDE, SIDE, 3))?;
    let outlines = Set::of(&pairs)?;
    let mut colours = vec![0.0; outlines.values.len()];
    for (index, to) in colours.chunks_exact_mut(outlines.floats()).enumerate() {
        pairs.read_extra(0, index as u64, to)?;
    }
    let colours = outlines.like(colours);
    Ok([outlines, colours])
}

/// A picture made of another of a shape.
type Make = fn(&[f32], [usize; 3]) -> Vec<f32>;

/// What it is called, pictures to learn from and pictures never seen, how pairs are made of them, for how many steps it learns,
/// and what is claimed.
type Task<'a> = (&'static str, &'a [Set; 2], Make, Make, u64, Option<&'static str>);

/// As it is.
fn whole(photo: &[f32], _: [usize; 3]) -> Vec<f32> {
    photo.to_vec()
}

/// Black lines on white where the light changes: the length of Sobel's gradient.
fn edges(photo: &[f32], [height, width, channels]: [usize; 3]) -> Vec<f32> {
    let at = |y: isize, x: isize| {
        let [y, x] = [(y, height), (x, width)].map(|(at, side)| at.clamp(0, side as isize - 1) as usize);
        photo[(y * width + x) * channels..][..channels].iter().sum::<f32>() / channels as f32
    };
    let pixel = |i: usize| {
        let (y, x) = ((i / width) as isize, (i % width) as isize);
        let side = |dy: isize, dx: isize| {
            let along = |k: isize| at(y + dy + k * dx, x + dx + k * dy) * if k == 0 { 2.0 } else { 1.0 };
            along(-1) + along(0) + along(1)
        };
        let (down, right) = (side(1, 0) - side(-1, 0), side(0, 1) - side(0, -1));
        (1.0 - down.hypot(right)).clamp(-1.0, 1.0)
    };
    (0..height * width).flat_map(|i| vec![pixel(i); channels]).collect()
}

/// The same by night: dark, of little colour, and blue.
fn night(photo: &[f32], _: [usize; 3]) -> Vec<f32> {
    let pixel = |rgb: &[f32]| {
        let light = rgb.iter().map(|v| (v + 1.0) / 2.0).sum::<f32>() / 3.0;
        let of = |channel: usize, gain: f32| {
            let colour = 0.6 * light + 0.4 * (rgb[channel] + 1.0) / 2.0;
            2.0 * (gain * colour.powf(1.6)) - 1.0
        };
        [of(0, 0.35), of(1, 0.4), of(2, 0.6)]
    };
    photo.chunks_exact(3).flat_map(pixel).collect()
}
