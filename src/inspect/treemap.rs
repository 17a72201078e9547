//! Divides a rectangle into one for each weight, all of them as square as possible: the squarified treemap of Bruls,
//! Huizing and van Wijk (2000).

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rectangle {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rectangle {
    /// The rectangle without a border, which is wider at the top, for a name.
    pub(super) fn inside(self, border: f64, top: f64) -> Self {
        Self {
            x: self.x + border,
            y: self.y + top,
            width: (self.width - 2.0 * border).max(0.0),
            height: (self.height - top - border).max(0.0),
        }
    }
}

/// Divides `area` by `weights`, which are positive and descend.
pub(super) fn divide(weights: &[f64], area: Rectangle) -> Vec<Rectangle> {
    let total: f64 = weights.iter().sum();
    let scale = area.width * area.height / total;
    let mut placed = Vec::with_capacity(weights.len());
    let mut rest = area;
    let mut ahead = weights;
    while let Some(first) = ahead.first() {
        let side = rest.width.min(rest.height);
        let mut sum = *first;
        let mut n = 1;
        while let Some(next) = ahead.get(n) {
            let before = worst(sum * scale, first * scale, ahead[n - 1] * scale, side);
            let with_next = worst((sum + next) * scale, first * scale, next * scale, side);
            if with_next > before {
                break;
            }
            sum += next;
            n += 1;
        }
        let (row, behind) = ahead.split_at(n);
        rest = place(row, sum, sum * scale, rest, &mut placed);
        ahead = behind;
    }
    placed
}

/// The ratio of the sides of the least square rectangle in a row of `area` along `side`.
fn worst(area: f64, largest: f64, smallest: f64, side: f64) -> f64 {
    let square = side * side;
    (square * largest / (area * area)).max(area * area / (square * smallest))
}

/// Places a row of weights with this sum and area along the shorter side of `rest`, and gives what is left of it.
fn place(
    row: &[f64],
    sum: f64,
    area: f64,
    rest: Rectangle,
    placed: &mut Vec<Rectangle>,
) -> Rectangle {
    let is_wide = rest.width >= rest.height;
    let side = if is_wide { rest.height } else { rest.width };
    let thickness = if side > 0.0 { area / side } else { 0.0 };
    let mut at = 0.0;
    for weight in row {
        let len = side * weight / sum;
        placed.push(match is_wide {
            true => Rectangle {
                x: rest.x,
                y: rest.y + at,
                width: thickness,
                height: len,
            },
            false => Rectangle {
                x: rest.x + at,
                y: rest.y,
                width: len,
                height: thickness,
            },
        });
        at += len;
    }
    match is_wide {
        true => Rectangle {
            x: rest.x + thickness,
            width: (rest.width - thickness).max(0.0),
            ..rest
        },
        false => Rectangle {
            y: rest.y + thickness,
            height: (rest.height - thickness).max(0.0),
            ..rest
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Rectangle = Rectangle {
        x: 10.0,
        y: 20.0,
        width: 600.0,
        height: 400.0,
    };

    proptest::proptest! {
        #[test]
        fn areas_are_those_of_the_weights_and_do_not_overlap(
            mut weights in proptest::collection::vec(1_u32..1_000_000, 1..60),
        ) {
            weights.sort_unstable_by(|a, b| b.cmp(a));
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let total: f64 = weights.iter().sum();
            let placed = divide(&weights, AREA);
            proptest::prop_assert_eq!(placed.len(), weights.len());
            for (index, (one, weight)) in placed.iter().zip(&weights).enumerate() {
                let expected = AREA.width * AREA.height * weight / total;
                proptest::prop_assert!((one.width * one.height - expected).abs() < 1e-3);
                let within = one.x >= AREA.x - 1e-6
                    && one.y >= AREA.y - 1e-6
                    && one.x + one.width <= AREA.x + AREA.width + 1e-6
                    && one.y + one.height <= AREA.y + AREA.height + 1e-6;
                proptest::prop_assert!(within, "{:?}", one);
                for other in &placed[..index] {
                    let width = (one.x + one.width).min(other.x + other.width) - one.x.max(other.x);
                    let height = (one.y + one.height).min(other.y + other.height) - one.y.max(other.y);
                    proptest::prop_assert!(width < 1e-6 || height < 1e-6, "{:?} {:?}", one, other);
                }
            }
        }
    }
}
