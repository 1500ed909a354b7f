//! `loss.png`: both losses over the iterations, below them statistics of the samples, and scores if
//! the run has them.
//!
//! Curves of long runs show the mean of each bucket of points (see `curve.rs`), losses over a faint
//! band from minimum to maximum. A note mentions losses beyond the axis.
//!
//! Plots are drawn at twice the size and downsampled, for antialiasing. The font is embedded, so a
//! plot looks the same on every machine.

mod axis;
mod contrast;
mod curve;
mod losses;
mod scores;
pub mod set;

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::formats::files::write_atomic;
use crate::formats::png::encode_png;
use crate::formats::stats::Stats;
use crate::picture::{Error, Result};
use crate::text::grouped;
use axis::Axis;
use curve::Bucket;

const WIDTH: usize = 900;
/// Height of the panel of losses.
const LOSSES_HEIGHT: usize = 520;
/// Height of each panel below it.
const PANEL_HEIGHT: usize = 280;
/// Vertical centre of the row above a panel, with title and legend.
const LEGEND: usize = 22;
/// Drawn pixels per pixel of the plot, in each direction.
const SCALE: usize = 2;

const FONT: &str = "DejaVu Sans";
static FONT_BYTES: &[u8] = include_bytes!("../../../data/fonts/DejaVuSans-ascii.ttf");

const INK: RGBColor = RGBColor(60, 60, 60);
const GRID: RGBColor = RGBColor(228, 228, 228);

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Axes = plotters::coord::cartesian::Cartesian2d<RangedCoordf64, Axis>;
type Chart<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Axes>;
type Drawn<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Writes the plot atomically: 900 × 800 pixels, or 900 × 1,080 with scores.
///
/// Records must be sorted by iteration; NaN and infinite numbers are left out. The embedded font
/// has ASCII only: other characters of the title are blank.
///
/// # Errors
/// When the file cannot be written.
pub fn write_loss_plot(path: &Path, stats: &Stats, title: &str) -> Result<()> {
    write(path, height(stats), draw(stats, title))
}

/// Writes a drawn plot of this height.
fn write(path: &Path, height: usize, drawn: Drawn<Vec<u8>>) -> Result<()> {
    let failed = |problem: Box<dyn std::error::Error + Send + Sync>| Error::Plot {
        path: path.to_owned(),
        problem: problem.to_string(),
    };
    let pixels = downsampled(&drawn.map_err(failed)?);
    Ok(write_atomic(path, &encode_png(path, (WIDTH, height), png::ColorType::Rgb, &pixels)?)?)
}

/// Draws a plot of this height.
fn render(height: usize, draw: impl FnOnce(&Canvas<'_>) -> Drawn<()>) -> Drawn<Vec<u8>> {
    register_font(FONT, FontStyle::Normal, FONT_BYTES).map_err(|_| "the font is broken")?;
    let mut pixels = vec![255; WIDTH * SCALE * height * SCALE * 3];
    let size = ((WIDTH * SCALE) as u32, (height * SCALE) as u32);
    let root = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
    draw(&root)?;
    root.present()?;
    drop(root);
    Ok(pixels)
}

fn height(stats: &Stats) -> usize {
    let panels = if stats.scores.is_empty() { 1 } else { 2 };
    LOSSES_HEIGHT + panels * PANEL_HEIGHT
}

fn draw(stats: &Stats, title: &str) -> Drawn<Vec<u8>> {
    render(height(stats), |root| {
        let (above, below) = root.split_vertically(px(LOSSES_HEIGHT));
        let last_loss = stats.losses.last().map_or(0, |entry| entry.iteration);
        let last_image = stats.images.last().map_or(0, |entry| entry.iteration);
        let last_score = stats.scores.last().map_or(0, |entry| entry.iteration);
        let last = last_loss.max(last_image).max(last_score).max(10) as f64;
        let centred = text(19, INK).pos(Pos::new(HPos::Center, VPos::Center));
        above.draw_text(title, &centred, (px(WIDTH / 2), px(LEGEND)))?;
        losses::draw(&above, &stats.losses, last)?;
        let (middle, lowest) = below.split_vertically(px(PANEL_HEIGHT));
        contrast::draw(&middle, &stats.images, last)?;
        match stats.scores.is_empty() {
            true => Ok(()),
            false => scores::draw(&lowest, &stats.scores, last),
        }
    })
}

/// Converts pixels of the plot to drawn pixels.
const fn px(pixels: usize) -> i32 {
    (pixels * SCALE) as i32
}

fn text(pixels: usize, color: RGBColor) -> TextStyle<'static> {
    (FONT, px(pixels)).into_font().color(&color)
}

/// Draws a panel's axes, below the row for title and legend, with iterations from 0 to `last`.
fn draw_axes<'a, 'b>(
    area: &'a Canvas<'b>,
    last: f64,
    axis: Axis,
    label: &str,
) -> Drawn<Chart<'a, 'b>> {
    let mut chart = ChartBuilder::on(area)
        .margin(px(14))
        .margin_top(px(36))
        .margin_right(px(26))
        .x_label_area_size(px(48))
        .y_label_area_size(px(62))
        .build_cartesian_2d(0.0..last, axis)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(GRID.stroke_width(SCALE as u32))
        .axis_style(INK.stroke_width(SCALE as u32))
        .x_desc("iteration")
        .y_desc(label)
        .set_all_tick_mark_size(px(5))
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|&iteration| grouped(iteration.round() as u64))
        .label_style(text(13, INK))
        .axis_desc_style(text(15, INK))
        .draw()?;
    Ok(chart)
}

/// Draws a curve, clamped to the range of the axis; a single point as a dot.
fn draw_line(
    chart: &mut Chart<'_, '_>,
    curve: &[Bucket],
    shown: &Range<f64>,
    color: RGBColor,
) -> Drawn<()> {
    let at = |bucket: &Bucket| (bucket.iteration, bucket.mean.clamp(shown.start, shown.end));
    let dots: &[Bucket] = if curve.len() == 1 { curve } else { &[] };
    chart.draw_series(LineSeries::new(curve.iter().map(at), color.stroke_width(px(2) as u32)))?;
    chart.draw_series(dots.iter().map(|dot| Circle::new(at(dot), px(3), color.filled())))?;
    Ok(())
}

/// Draws a legend entry in the row above a panel; `right` is the distance of its start from the
/// right edge of the plot.
fn draw_legend(area: &Canvas<'_>, right: usize, color: RGBColor, label: &str) -> Drawn<()> {
    let style = text(14, INK).pos(Pos::new(HPos::Left, VPos::Center));
    let left = WIDTH - right;
    let line = [(px(left), px(LEGEND)), (px(left + 22), px(LEGEND))];
    area.draw(&PathElement::new(line, color.stroke_width(px(2) as u32)))?;
    area.draw_text(label, &style, (px(left + 29), px(LEGEND + 1)))?;
    Ok(())
}

/// Averages squares of drawn pixels to pixels of the plot.
fn downsampled(pixels: &[u8]) -> Vec<u8> {
    let row = WIDTH * SCALE * 3;
    let sample = |y: usize, x: usize, channel: usize| -> u8 {
        let square = (0..SCALE * SCALE).map(|i| (y * SCALE + i / SCALE, x * SCALE + i % SCALE));
        let sum: usize = square.map(|(y, x)| usize::from(pixels[y * row + x * 3 + channel])).sum();
        (sum / (SCALE * SCALE)) as u8
    };
    let height = pixels.len() / (row * SCALE);
    let indices = (0..height).flat_map(|y| (0..WIDTH * 3).map(move |i| (y, i / 3, i % 3)));
    indices.map(|(y, x, channel)| sample(y, x, channel)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::stats::{ImageStats, LossEntry, SampleEntry, ScoreEntry, Scores};

    fn stats(losses: &[(u64, f32, f32)], images: &[(u64, f32)]) -> Stats {
        let loss = |&(iteration, d_loss, g_loss)| LossEntry {
            iteration,
            epoch: 1,
            d_loss,
            g_loss,
            penalty: None,
            d_real: 0.5,
            d_fake: 0.5,
            images_per_second: 1.0,
            seconds: 1.0,
        };
        let image = |&(iteration, number)| {
            // Different values, so that curves do not overlap.
            let stats = |x: f32| ImageStats {
                mean_abs: x,
                std: x * 0.8,
                extreme: x * 0.6,
                saturation: Some(x * 0.4),
            };
            SampleEntry { iteration, samples: stats(number), data: stats(0.5) }
        };
        Stats {
            losses: losses.iter().map(loss).collect(),
            images: images.iter().map(image).collect(),
            scores: Vec::new(),
        }
    }

    fn picture(stats: &Stats) -> Vec<u8> {
        downsampled(&draw(stats, "00003-cgan-mnist").unwrap())
    }

    fn count(pixels: &[u8], color: RGBColor) -> usize {
        let is = |pixel: &&[u8]| **pixel == [color.0, color.1, color.2];
        pixels.chunks_exact(3).filter(is).count()
    }

    #[test]
    fn plot_is_a_png_of_the_documented_size_with_all_curves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        let losses = [(1, 1.0, 2.0), (100, 0.5, 2.5), (200, f32::NAN, 2.0)];
        let all = stats(&losses, &[(0, 0.1), (200, 0.7)]);
        write_loss_plot(&path, &all, "cgan").unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let reader = png::Decoder::new(file).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (900, 800));
        // A plot without curves still has legends and dashed lines in the same colours.
        let nan = stats(&[(1, f32::NAN, f32::NAN)], &[(0, f32::NAN)]);
        let mut bare = all.clone();
        bare.losses.clone_from(&nan.losses);
        bare.images.iter_mut().for_each(|image| image.samples = nan.images[0].samples);
        let (pixels, bare) = (picture(&all), picture(&bare));
        for (color, name) in losses::COLORS.into_iter().chain(contrast::COLORS) {
            let (curve, none) = (count(&pixels, color), count(&bare, color));
            assert!(curve > none + 50, "{name}: {curve} against {none}");
        }
    }

    fn scored(scores: &[(u64, f64)]) -> Vec<ScoreEntry> {
        let entry = |&(iteration, score): &(u64, f64)| {
            let fcd = Some(score);
            let scores = Scores { fcd, kid: score, kid_error: 0.1, ..Scores::default() };
            ScoreEntry { iteration, scores }
        };
        scores.iter().map(entry).collect()
    }

    #[test]
    fn scores_add_a_panel_below_the_others() {
        let without = stats(&[(1, 1.0, 2.0), (200, 0.5, 2.0)], &[(0, 0.1), (200, 0.7)]);
        let with = Stats { scores: scored(&[(100, 40.0), (200, 20.0)]), ..without.clone() };
        let [without, with] = [without, with].map(|stats| picture(&stats));
        let (above, panel) = with.split_at(without.len());
        assert!(above == without, "the other panels changed");
        assert_eq!(panel.len(), 900 * 280 * 3);
        assert!(count(panel, scores::COLOR) > 300, "{}", count(panel, scores::COLOR));
    }

    #[test]
    fn extreme_and_non_finite_numbers_do_not_panic() {
        let odd = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 0.0, -0.0];
        for first in odd {
            for second in odd {
                picture(&stats(&[(0, first, second)], &[(0, first)]));
                let images = [(0, second), (u64::MAX, first)];
                let mut all = stats(&[(0, first, second), (u64::MAX, second, first)], &images);
                all.scores = scored(&[(0, first.into()), (u64::MAX, second.into())]);
                picture(&all);
            }
        }
        picture(&Stats::default());
    }
}
