//! The measures compared with NumPy, SciPy and the authors' prdc.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gan_cuda::eval::measures::proportion::wilson;
use gan_cuda::formats::npy::npy_header;

use crate::clusters::{DIMENSIONS, Sample};
use crate::python::python;
use crate::scores::scores;

const SCRIPT: &str = r#"
import contextlib, io, json, sys
import numpy, prdc, scipy.linalg, scipy.stats

folder = sys.argv[1]
x, y = (numpy.load(f"{folder}/{name}.npy").astype(float) for name in ("sample", "reference"))
m, n, d = len(x), len(y), x.shape[1]
s, t = (numpy.cov(points, rowvar=False) for points in (x, y))
if min(m, n) > d:
    root = numpy.trace(scipy.linalg.sqrtm(s @ t)).real
else:
    # The covariances are singular: use the singular values of the product of the centred points.
    products = (x - x.mean(0)) @ (y - y.mean(0)).T
    root = numpy.linalg.svd(products, compute_uv=False).sum() / numpy.sqrt((m - 1) * (n - 1))
fcd = ((x.mean(0) - y.mean(0)) ** 2).sum() + numpy.trace(s) + numpy.trace(t) - 2 * root

kernel = lambda a, b: (a @ b.T / d + 1) ** 3
def means_with_others(points):
    k = kernel(points, points)
    numpy.fill_diagonal(k, 0)
    return k.sum(1) / (len(points) - 1)
cross = kernel(x, y)
a, b = means_with_others(x) - cross.mean(1), means_with_others(y) - cross.mean(0)
error = numpy.sqrt(4 * a.var(ddof=1) / m + 4 * b.var(ddof=1) / n)

with contextlib.redirect_stdout(io.StringIO()):
    found = prdc.compute_prdc(y, x, nearest_k=5)

u, v = (numpy.trunc(points.astype(numpy.float32) * numpy.float32(50)).astype(float) for points in (x, y))
distances = lambda a, b: numpy.sqrt(((a[:, None] - b[None]) ** 2).sum(2)) / 255
others = distances(v, v)
numpy.fill_diagonal(others, numpy.inf)

classes, reference = json.load(open(f"{folder}/classes.json"))
p, q = (numpy.bincount(c, minlength=10) for c in (classes, reference))
low, high = scipy.stats.binomtest(int(p[0]), m).proportion_ci(method="wilson")
print(json.dumps({
    "fcd": fcd, "kid": a.mean() + b.mean(), "kid_error": error, **found,
    "nearest": distances(u, v).min(1).mean(), "nearest_other": others[::3].min(1).mean(),
    "histogram_kl": scipy.stats.entropy(p, numpy.where(q == 0, 0.5, q)), "rarest_share": p.min() / m,
    "wilson_low": low, "wilson_high": high,
}, default=float))
"#;

/// Tolerances relative to max(1, |value|).
const TOLERANCES: [(&str, f64); 13] = [
    // SciPy's matrix square root; for singular matrices, 10⁻⁸ of the variance for each dimension.
    ("fcd", 1e-5),
    // Dot products in single precision: 10⁻⁷ of kernels of ten to a few hundred, mostly averaged
    // out.
    ("kid", 1e-5),
    ("kid_error", 1e-5),
    // Fractions of points, counted.
    ("precision", 1e-12),
    ("recall", 1e-12),
    ("density", 1e-12),
    ("coverage", 1e-12),
    // Sums in different order.
    ("nearest", 1e-12),
    ("nearest_other", 1e-12),
    ("histogram_kl", 1e-12),
    ("rarest_share", 1e-12),
    ("wilson_low", 1e-12),
    ("wilson_high", 1e-12),
];

fn write(folder: &Path, sample: &Sample, reference: &Sample) {
    for (name, of) in [("sample", sample), ("reference", reference)] {
        let mut file = npy_header("<f4", &[of.classes.len(), DIMENSIONS]);
        file.extend(of.features.iter().flat_map(|x| x.to_le_bytes()));
        fs::write(folder.join(format!("{name}.npy")), file).unwrap();
    }
    let classes = serde_json::to_string(&[&sample.classes, &reference.classes]).unwrap();
    fs::write(folder.join("classes.json"), classes).unwrap();
}

#[track_caller]
fn compare(sample: &Sample, reference: &Sample) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), sample, reference);
    let Some(json) = python(&["numpy", "scipy", "prdc"], SCRIPT, [folder.path()]) else { return };
    let theirs: BTreeMap<String, f64> = serde_json::from_str(&json).unwrap();
    let ours = scores(sample, reference, 2);
    let zeros = sample.classes.iter().filter(|&&class| class == 0).count();
    let [low, high] = wilson(zeros, sample.classes.len());
    let ours = [
        ours.fcd,
        ours.kid,
        ours.kid_error,
        ours.precision,
        ours.recall,
        ours.density,
        ours.coverage,
        ours.nearest,
        ours.nearest_other,
        ours.histogram_kl,
        ours.rarest_share,
        low,
        high,
    ];
    for ((name, tolerance), ours) in TOLERANCES.into_iter().zip(ours) {
        let theirs = theirs[name];
        let near = (ours - theirs).abs() <= tolerance * theirs.abs().max(1.0);
        assert!(near, "{name}: {ours}, theirs {theirs}");
    }
}

#[test]
fn scores_match_numpy_scipy_and_prdc() {
    let (sample, reference) = (Sample::new(700, 1), Sample::new(600, 2));
    compare(&sample, &reference);
    // A bad sample, with too little variance.
    compare(&sample.changed(|i, x| if i % 3 == 0 { 0.5 } else { 0.9 * x }), &reference);
}

#[test]
fn scores_of_fewer_points_than_dimensions_match_numpy_scipy_and_prdc() {
    compare(&Sample::new(12, 5), &Sample::new(70, 2));
    compare(&Sample::new(10, 1), &Sample::new(15, 2));
}
