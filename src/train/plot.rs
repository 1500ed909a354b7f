//! `loss.png`: both losses over the iterations.
//!
//! What is drawn of a long run, `loss_curve.rs` decides: the mean of each bucket of points,
//! over a faint band from its least to its greatest loss; a note tells what the axis leaves out.
//!
//! Drawn at twice the size and averaged down, which smooths lines and letters; the font is built
//! in, so a plot looks the same on a machine without any.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::files::write_png;
use super::loss_curve::{Bucket, Span, curve};
use crate::{Error, Result};

pub use super::loss_curve::LossPoint;

const WIDTH: usize = 900;
const HEIGHT: usize = 540;
/// Drawn pixels per pixel of the picture, each way.
const SCALE: usize = 2;

const FONT: &str = "DejaVu Sans";
static FONT_BYTES: &[u8] = include_bytes!("../../data/fonts/DejaVuSans-ascii.ttf");

const COLOR_D: RGBColor = RGBColor(0, 114, 178);
const COLOR_G: RGBColor = RGBColor(213, 94, 0);
const INK: RGBColor = RGBColor(60, 60, 60);
const GRID: RGBColor = RGBColor(228, 228, 228);

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Axes = Cartesian2d<RangedF64, RangedF64>;
type Chart<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Axes>;
type RangedF64 = plotters::coord::types::RangedCoordf64;
type Cartesian2d<X, Y> = plotters::coord::cartesian::Cartesian2d<X, Y>;
type Drawn<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Writes the plot of both losses, 900 by 540 pixels, whole or not at all.
///
/// `points` ascend by iteration; losses that are not finite are left out. The built-in
/// font knows ASCII: other characters of the title stay blank.
///
/// # Errors
/// When the file cannot be written.
pub fn write_loss_plot(path: &Path, points: &[LossPoint], title: &str) -> Result<()> {
    let failed = |problem: Box<dyn std::error::Error + Send + Sync>| Error::Plot {
        path: path.to_owned(),
        problem: problem.to_string(),
    };
    let pixels = draw(points, title).map_err(failed)?;
    write_png(path, (WIDTH, HEIGHT), png::ColorType::Rgb, &averaged_down(&pixels))
}

fn draw(points: &[LossPoint], title: &str) -> Drawn<Vec<u8>> {
    register_font(FONT, FontStyle::Normal, FONT_BYTES).map_err(|_| "the font is broken")?;
    let mut pixels = vec![255; WIDTH * SCALE * HEIGHT * SCALE * 3];
    let size = ((WIDTH * SCALE) as u32, (HEIGHT * SCALE) as u32);
    let root = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
    draw_plot(&root, points, title)?;
    root.present()?;
    drop(root);
    Ok(pixels)
}

fn draw_plot(root: &Canvas<'_>, points: &[LossPoint], title: &str) -> Drawn<()> {
    let [curve_d, curve_g] = [curve(points, |point| point.1), curve(points, |point| point.2)];
    let span = Span::of(points);
    let mut chart = draw_axes(root, points, &span, title)?;
    for (curve, color) in [(&curve_d, COLOR_D), (&curve_g, COLOR_G)] {
        draw_band(&mut chart, curve, &span.shown, color)?;
    }
    for (curve, color) in [(&curve_d, COLOR_D), (&curve_g, COLOR_G)] {
        draw_line(&mut chart, curve, &span.shown, color)?;
    }
    draw_legend(root)?;
    draw_note(root, &span)
}

/// Pixels of the picture, in drawn pixels.
const fn px(pixels: usize) -> i32 {
    (pixels * SCALE) as i32
}

fn text(pixels: usize, color: RGBColor) -> TextStyle<'static> {
    (FONT, px(pixels)).into_font().color(&color)
}

fn draw_axes<'a, 'b>(
    root: &'a Canvas<'b>,
    points: &[LossPoint],
    span: &Span,
    title: &str,
) -> Drawn<Chart<'a, 'b>> {
    let last = points.last().map_or(0, |point| point.0).max(10);
    let mut chart = ChartBuilder::on(root)
        .margin(px(14))
        .margin_right(px(26))
        .caption(title, text(19, INK))
        .x_label_area_size(px(48))
        .y_label_area_size(px(62))
        .build_cartesian_2d(0.0..last as f64, span.shown.clone())?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(GRID.stroke_width(SCALE as u32))
        .axis_style(INK.stroke_width(SCALE as u32))
        .x_desc("iteration")
        .y_desc("loss")
        .set_all_tick_mark_size(px(5))
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|&iteration| grouped(iteration))
        .label_style(text(13, INK))
        .axis_desc_style(text(15, INK))
        .draw()?;
    Ok(chart)
}

fn draw_band(
    chart: &mut Chart<'_, '_>,
    curve: &[Bucket],
    shown: &Range<f64>,
    color: RGBColor,
) -> Drawn<()> {
    let at = |bucket: &Bucket, loss: f64| (bucket.iteration, loss.clamp(shown.start, shown.end));
    let above = curve.iter().map(|bucket| at(bucket, bucket.greatest));
    let below = curve.iter().rev().map(|bucket| at(bucket, bucket.least));
    let outline: Vec<_> = above.chain(below).collect();
    chart.draw_series([Polygon::new(outline, color.mix(0.14))])?;
    Ok(())
}

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

/// In the title's row, where it covers no curve.
fn draw_legend(root: &Canvas<'_>) -> Drawn<()> {
    let style = text(14, INK).pos(Pos::new(HPos::Left, VPos::Center));
    for (left, color, label) in [(WIDTH - 196, COLOR_D, "D loss"), (WIDTH - 104, COLOR_G, "G loss")]
    {
        let line = [(px(left), px(23)), (px(left + 22), px(23))];
        root.draw(&PathElement::new(line, color.stroke_width(px(2) as u32)))?;
        root.draw_text(label, &style, (px(left + 29), px(24)))?;
    }
    Ok(())
}

fn draw_note(root: &Canvas<'_>, span: &Span) -> Drawn<()> {
    let style = text(12, INK).pos(Pos::new(HPos::Right, VPos::Bottom));
    if let Some(note) = span.note() {
        root.draw_text(&note, &style, (px(WIDTH - 26), px(HEIGHT - 8)))?;
    }
    Ok(())
}

/// 12,500 for 12500.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Averages squares of drawn pixels into the picture's.
fn averaged_down(pixels: &[u8]) -> Vec<u8> {
    let row = WIDTH * SCALE * 3;
    let sample = |y: usize, x: usize, channel: usize| -> u8 {
        let square = (0..SCALE * SCALE).map(|i| (y * SCALE + i / SCALE, x * SCALE + i % SCALE));
        let sum: usize = square.map(|(y, x)| usize::from(pixels[y * row + x * 3 + channel])).sum();
        (sum / (SCALE * SCALE)) as u8
    };
    let places = (0..HEIGHT).flat_map(|y| (0..WIDTH * 3).map(move |i| (y, i / 3, i % 3)));
    places.map(|(y, x, channel)| sample(y, x, channel)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(points: &[LossPoint]) -> Vec<u8> {
        averaged_down(&draw(points, "00003-cgan-mnist").unwrap())
    }

    fn has(pixels: &[u8], color: RGBColor) -> bool {
        pixels.chunks_exact(3).any(|pixel| pixel == [color.0, color.1, color.2])
    }

    #[test]
    fn plot_is_a_png_of_the_promised_size_with_both_curves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        let points = [(1, 1.0, 2.0), (100, 0.5, 2.5), (200, f32::NAN, 2.0)];
        write_loss_plot(&path, &points, "cgan").unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let reader = png::Decoder::new(file).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (900, 540));
        let pixels = picture(&points);
        assert!(has(&pixels, COLOR_D) && has(&pixels, COLOR_G));
    }

    #[test]
    fn odd_losses_are_drawn_without_a_panic() {
        let odd = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 0.0, -0.0];
        for first in odd {
            for second in odd {
                picture(&[(0, first, second)]);
                picture(&[(0, first, second), (u64::MAX, second, first)]);
            }
        }
        picture(&[]);
    }

    #[test]
    fn iterations_are_grouped_by_thousands() {
        assert_eq!([0.0, 999.0, 1e3, 1_234_567.0].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
