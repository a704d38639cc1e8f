//! smoke
use gany_engine::*;
#[test]
fn smoke() {
    let x = Tensor::from_f64(&[2, 3], &[1., -2., 3., 4., -5., 6.]);
    let w = Tensor::from_f64(&[3, 2], &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    let y = x.matmul(&w).leaky_relu(0.2);
    let loss = (&y * &y).mean() + y.softmax(1).log().sum() + x.transpose().square().sum_axes(&[1]).sqrt().sum();
    let g = grad(&loss, &[&x, &w]);
    let l2 = g[0].square().sum() + g[1].square().sum();
    let h = grad(&l2, &[&x, &w]);
    for t in [&loss, &g[0], &g[1], &h[0], &h[1]] {
        let (a, b) = (reference::evaluate(t), t.to_f64());
        println!("{a:?}\n{b:?}\n");
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + a.abs())));
    }
}
#[test]
fn conv() {
    let key = Key::new(DType::F64, 1, 0);
    let x = key.normal(1, &[2, 8, 8, 3]);
    let w = key.normal(2, &[4, 4, 3, 5]);
    let b = key.normal(3, &[5]);
    let y = (x.conv(&w, &ConvOptions::new().stride(2).padding(1)) + &b).leaky_relu(0.2);
    let m = y.mean_axes_kept(&[0, 1, 2]);
    let v = (&y - &m).square().mean_axes_kept(&[0, 1, 2]);
    let n = (&y - &m) * (v + 1e-5).rsqrt();
    let loss = (n.tanh() * key.normal(4, &[2, 4, 4, 5])).sum();
    let g = grad(&loss, &[&x, &w, &b]);
    let l2 = g[0].flatten_from(1).norm(1).sum() + g[1].square().sum() + g[2].square().sum();
    let h = grad(&l2, &[&x, &w, &b]);
    for t in [&loss, &g[0], &g[1], &g[2], &l2, &h[0], &h[1], &h[2]] {
        let (a, b) = (reference::evaluate(t), t.to_f64());
        let worst = a
            .iter()
            .zip(&b)
            .map(|(a, b)| (a - b).abs() / (1.0 + a.abs()))
            .fold(0.0, f64::max);
        println!("{worst:e} {}", a.len());
        assert!(worst < 1e-9);
    }
}
