//! The area under the curve of receiver operation.

/// How often one of the second numbers lies above one of the first, ties by half: 0.5 is chance, 1 tells all apart.
///
/// # Panics
/// Where one of both is empty.
pub fn auroc(normal: &[f32], anomalous: &[f32]) -> f64 {
    assert!(!normal.is_empty() && !anomalous.is_empty(), "auroc: nothing to compare");
    let mut all: Vec<(f32, bool)> = normal.iter().map(|x| (*x, false)).collect();
    all.extend(anomalous.iter().map(|x| (*x, true)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins) = (0, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let above = equal.iter().filter(|(_, is_anomalous)| *is_anomalous).count();
        let level = equal.len() - above;
        wins += above as f64 * (below as f64 + 0.5 * level as f64);
        below += level;
    }
    wins / (normal.len() * anomalous.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::auroc;

    #[test]
    fn areas_by_hand() {
        assert_eq!(auroc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auroc(&[3.0, 4.0], &[1.0]), 0.0);
        assert_eq!(auroc(&[1.0, 3.0], &[2.0, 3.0]), (1.0 + 0.0 + 1.0 + 0.5) / 4.0);
    }
}
