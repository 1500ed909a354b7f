//! Nothing in a picture lies on something else, whatever the sizes.

use gan_cuda::picture::diagram::{Diagram, svg};

use super::cases;
use super::picture::{Arrow, Picture, Rect};

fn pictures() -> impl Iterator<Item = (String, Diagram, Picture)> {
    cases().into_iter().map(|case| {
        let diagram = case.diagram();
        let picture = Picture::of(&svg::write(&diagram));
        (case.name, diagram, picture)
    })
}

#[test]
fn svg_is_well_formed_and_speaks_to_those_who_cannot_see_it() {
    for case in cases() {
        let text = svg::write(&case.diagram());
        let document = roxmltree::Document::parse(&text).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        let named = root.attribute("aria-labelledby").unwrap();
        for id in named.split(' ') {
            let spoken = root.descendants().find(|node| node.attribute("id") == Some(id));
            assert!(!spoken.unwrap().text().unwrap().is_empty());
        }
        let title = root.children().find(|node| node.tag_name().name() == "title").unwrap();
        assert!(title.text().unwrap().starts_with(&case.preset.name));
    }
}

#[test]
fn svg_has_every_box_arrow_and_word() {
    for (name, diagram, picture) in pictures() {
        for panel in &diagram.panels {
            for node in &panel.nodes {
                let words = picture.words.iter().filter(|w| w.inside.as_ref() == Some(&node.id));
                let words: Vec<_> = words.map(|words| words.text.clone()).collect();
                assert_eq!(words, node.lines, "{name} {}", node.id);
            }
            for label in panel.edges.iter().flat_map(|edge| &edge.label) {
                assert!(picture.words.iter().any(|words| words.text == *label), "{name} {label}");
            }
        }
        let edges: usize = diagram.panels.iter().map(|panel| panel.edges.len()).sum();
        let legend = picture.words.iter().filter(|words| words.inside.is_none());
        assert!(legend.count() > edges / 2);
        assert_eq!(picture.arrows.len(), edges + 4, "{name}: and four in the legend");
    }
}

#[test]
fn boxes_lie_apart_and_inside() {
    for (name, _, picture) in pictures() {
        let whole = picture.whole();
        for (i, (id, at)) in picture.boxes.iter().enumerate() {
            assert!(whole.holds(at), "{name} {id}");
            for (other, there) in &picture.boxes[..i] {
                assert!(!at.meets(there), "{name}: {id} and {other}");
            }
        }
    }
}

#[test]
fn words_fit_their_boxes_and_lie_on_nothing_else() {
    for (name, _, picture) in pictures() {
        let whole = picture.whole();
        for (i, words) in picture.words.iter().enumerate() {
            let text = &words.text;
            assert!(whole.holds(&words.at), "{name}: {text:?} leaves the picture");
            for other in &picture.words[..i] {
                assert!(!words.at.meets(&other.at), "{name}: {text:?} on {:?}", other.text);
            }
            if let Some(inside) = &words.inside {
                let at = picture.find(inside);
                assert!(at.holds(&words.at), "{name}: {text:?} leaves {inside}: {at:?} {words:?}");
                continue;
            }
            for (id, at) in &picture.boxes {
                assert!(!at.meets(&words.at), "{name}: {text:?} on {id}");
            }
            for arrow in &picture.arrows {
                assert!(!crosses(arrow, &words.at), "{name}: {text:?} on {arrow:?}");
            }
        }
    }
}

/// Whether an arrow goes through a rectangle, not only along its edge.
fn crosses(arrow: &Arrow, at: &Rect) -> bool {
    arrow.pieces.iter().any(|piece| piece.grown(0.2).meets(&at.grown(-0.3)))
}

#[test]
fn arrows_go_from_box_to_box_and_through_none() {
    for (name, diagram, picture) in pictures() {
        for arrow in &picture.arrows {
            for (id, at) in &picture.boxes {
                assert!(!crosses(arrow, at), "{name}: {arrow:?} through {id}");
            }
        }
        for edge in diagram.panels.iter().flat_map(|panel| &panel.edges) {
            let (from, to) = (picture.find(&edge.from), picture.find(&edge.to));
            let drawn = |arrow: &&Arrow| touches(&from, arrow.begin) && touches(&to, arrow.end);
            assert_eq!(picture.arrows.iter().filter(drawn).count(), 1, "{name}: {edge:?}");
        }
    }
}

/// Whether a point is on a rectangle's edge.
fn touches(at: &Rect, (x, y): (f64, f64)) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 0.2;
    let inside = at.grown(0.2).holds(&Rect { left: x, top: y, right: x, bottom: y });
    let on_side = near(x, at.left) || near(x, at.right);
    inside && (on_side || near(y, at.top) || near(y, at.bottom))
}

/// Arrows may share a line where they begin in the same box.
#[test]
fn arrows_share_a_line_only_where_they_carry_the_same() {
    for (name, _, picture) in pictures() {
        for (i, a) in picture.arrows.iter().enumerate() {
            for b in &picture.arrows[..i] {
                let along = |p: &Rect, q: &Rect| {
                    let parallel = (p.left == p.right) == (q.left == q.right);
                    let longer = Rect { right: q.right + 0.2, bottom: q.bottom + 0.2, ..*q };
                    parallel && p.grown(1.0).meets(&longer)
                };
                let shared = a.pieces.iter().any(|p| b.pieces.iter().any(|q| along(p, q)));
                assert!(!shared || a.begin == b.begin, "{name}: {a:?} and {b:?} in {}", a.class);
            }
        }
    }
}
