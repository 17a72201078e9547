//! What takes the space of a filesystem: the bytes below each directory, drawn as a tree map in SVG.

use super::treemap::{Rectangle, divide};
use crate::diag::visible_name;
use crate::tree::{Kind, NodeId, Tree};
use std::collections::BTreeMap;

/// The size of a map in pixels.
const AREA: Rectangle = Rectangle {
    x: 0.0,
    y: 0.0,
    width: 1200.0,
    height: 640.0,
};
/// The height of the line with the name of a directory.
const NAME: f64 = 16.0;
/// The width of a letter, for names that must fit.
const LETTER: f64 = 6.6;
/// The area below which a directory is not divided further.
const DIVISIBLE: f64 = 2500.0;
/// The area of the smallest rectangle that is drawn.
const VISIBLE: f64 = 9.0;
/// The most rectangles of a map.
const MAX_DRAWN: usize = 6000;

/// The bytes of the files below each directory. A file with several names counts at each.
struct Sizes<'t> {
    tree: &'t Tree,
    sizes: BTreeMap<NodeId, u64>,
}

impl<'t> Sizes<'t> {
    fn of(tree: &'t Tree) -> Self {
        let mut sizes: BTreeMap<NodeId, u64> = BTreeMap::new();
        let mut nodes = Vec::new();
        tree.visit(|_, id| nodes.push(id));
        // What is below a directory comes behind it.
        for id in nodes.into_iter().rev() {
            let size = match &tree.node(id).kind {
                Kind::File(content) => content.len(),
                Kind::Directory(entries) => {
                    let entries = entries.values().filter_map(|entry| sizes.get(entry));
                    entries.fold(0, |sum: u64, size| sum.saturating_add(*size))
                }
                _ => 0,
            };
            sizes.insert(id, size);
        }
        Self { tree, sizes }
    }

    fn size(&self, id: NodeId) -> u64 {
        self.sizes.get(&id).copied().unwrap_or(0)
    }
}

/// A tree map of `tree`, as an SVG element. Sizes are shown by `show`.
pub(super) fn map(tree: &Tree, show: fn(u64) -> String) -> String {
    let mut map = Map {
        sizes: Sizes::of(tree),
        show,
        svg: format!(
            "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"what takes the space\">\n",
            AREA.width, AREA.height
        ),
        n_drawn: 0,
    };
    map.directory(tree.root(), "/", AREA, 0);
    map.svg + "</svg>\n"
}

struct Map<'t> {
    sizes: Sizes<'t>,
    show: fn(u64) -> String,
    svg: String,
    n_drawn: usize,
}

impl Map<'_> {
    /// Draws the directory `id` at `path`, and what is in it where there is room.
    fn directory(&mut self, id: NodeId, path: &str, area: Rectangle, depth: usize) {
        self.rectangle(path, self.sizes.size(id), area, depth);
        if area.width * area.height < DIVISIBLE {
            return;
        }
        let entries = self.sizes.tree.entries(id);
        let sized =
            entries.map(|(name, id)| (visible_name(name.as_bytes()), id, self.sizes.size(id)));
        let mut entries: Vec<(String, NodeId, u64)> =
            sized.filter(|(_, _, size)| *size > 0).collect();
        entries.sort_by(|one, other| other.2.cmp(&one.2).then_with(|| one.0.cmp(&other.0)));
        if entries.is_empty() {
            return;
        }
        let weights: Vec<f64> = entries.iter().map(|(_, _, size)| *size as f64).collect();
        let places = divide(&weights, area.inside(2.0, NAME));
        for ((name, id, size), place) in entries.into_iter().zip(places) {
            if place.width * place.height < VISIBLE || self.n_drawn >= MAX_DRAWN {
                continue;
            }
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            match self.sizes.tree.node(id).is_directory() {
                true => self.directory(id, &path, place, depth + 1),
                false => self.rectangle(&path, size, place, depth + 1),
            }
        }
    }

    fn rectangle(&mut self, path: &str, size: u64, area: Rectangle, depth: usize) {
        self.n_drawn += 1;
        let size = (self.show)(size);
        let Rectangle {
            x,
            y,
            width,
            height,
        } = area;
        // The colour changes with the depth, so that a directory is told from what is in it.
        let hue = (200 + depth * 40) % 360;
        self.svg += &format!(
            "<g><title>{} — {size}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" fill=\"hsl({hue} 45% 82%)\"/>",
            escape(path),
        );
        let name = path
            .rsplit('/')
            .next()
            .filter(|name| !name.is_empty())
            .unwrap_or("/");
        let fits = |text: &str| text.chars().count() as f64 * LETTER + 6.0 < width;
        let text = format!("{name} {size}");
        let text = [text.as_str(), name].into_iter().find(|text| fits(text));
        if let Some(text) = text.filter(|_| height >= NAME) {
            let (x, y) = (x + 4.0, y + 12.0);
            self.svg += &format!("<text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text));
        }
        self.svg += "</g>\n";
    }
}

/// `text` as text or as the value of an attribute in HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in crate::diag::visible(text).chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Timestamp;
    use crate::tree::{Content, Meta, Node, Origin, TreePath};

    fn put(tree: &mut Tree, path: &str, len: usize) {
        let meta = Meta::root(0o755, Timestamp::default());
        let path = TreePath::parse(path.as_bytes()).unwrap();
        let (parent, _) = path.split_last().unwrap();
        tree.make_directories(&parent, meta, &Origin::Base).unwrap();
        let file = Kind::File(Content::inline(&vec![0; len]));
        tree.insert(&path, Node::new(file, meta, Origin::Base))
            .unwrap();
    }

    #[test]
    fn a_map_names_what_is_large_and_no_name_ends_an_element() {
        let mut tree = Tree::new(Meta::root(0o755, Timestamp::default()));
        put(&mut tree, "/usr/<script>&\"'", 3000);
        put(&mut tree, "/usr/lib/b", 1000);
        put(&mut tree, "/tiny", 0);
        let map = map(&tree, |size| size.to_string());
        assert!(map.contains("<title>/ — 4000</title>"), "{map}");
        assert!(map.contains("<title>/usr/lib/b — 1000</title>"), "{map}");
        assert!(
            map.contains("/usr/&lt;script&gt;&amp;&quot;&#39; — 3000"),
            "{map}"
        );
        assert!(!map.contains("<script>") && !map.contains("tiny"), "{map}");
    }
}
