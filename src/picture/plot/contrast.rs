//! The panel of image statistics: curves for samples, dashed lines for the data set.

use plotters::prelude::*;

use super::axis::Axis;
use super::curve::curve;
use super::{Canvas, Drawn, INK, LEGEND, SCALE, draw_axes, draw_legend, draw_line, px, text};
use crate::formats::stats::{ImageStats, SampleEntry};
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Colours and labels of the statistics, in the order of [`ImageStats::named`].
pub const COLORS: [(RGBColor, &str); 4] = [
    (RGBColor(0, 158, 115), "mean |x|"),
    (RGBColor(204, 121, 167), "std of x"),
    (RGBColor(86, 86, 86), "|x| > 0.99"),
    (RGBColor(230, 159, 0), "saturation"),
];

pub fn draw(area: &Canvas<'_>, entries: &[SampleEntry], last: f64) -> Drawn<()> {
    let shown = 0.0..1.0;
    let mut chart = draw_axes(area, last, Axis::linear(shown.clone()), "samples")?;
    let left = text(14, INK).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw_text("pixels x of samples; dashed: data set", &left, (px(76), px(LEGEND + 1)))?;
    let number = |stats: &ImageStats, i: usize| stats.named().nth(i).map(|(_, number)| number);
    let mut right = 494;
    for (i, (color, label)) in COLORS.into_iter().enumerate() {
        let Some(of_data) = entries.first().and_then(|entry| number(&entry.data, i)) else {
            continue;
        };
        let of_samples = |entry: &SampleEntry| Some((entry.iteration, number(&entry.samples, i)?));
        let ends = [0.0, last].map(|x| (x, f64::from(of_data).clamp(0.0, 1.0)));
        let style = color.stroke_width(SCALE as u32);
        chart.draw_series(DashedLineSeries::new(ends, px(5) as u32, px(4) as u32, style))?;
        draw_line(&mut chart, &curve(entries.iter().filter_map(of_samples)), &shown, color)?;
        draw_legend(area, right, color, label)?;
        right -= 118;
    }
    Ok(())
}
