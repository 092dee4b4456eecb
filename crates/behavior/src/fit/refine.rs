//! Chooses points, one after another, where the law is still furthest off.

use super::law::depth;
use super::step::Step;
use super::{MOST_INNER, millionths, share};

/// How close the law must come.
#[derive(Debug, Clone, Copy)]
pub(super) struct FitGoal {
    /// The distance between shares.
    pub(super) ks: f64,
    /// The distance between the logarithms of quantiles, and the shares between which it counts.
    pub(super) ln: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl FitGoal {
    /// The error at a depth at which the law has `ln`, as a multiple of the goal.
    fn quantile_error(&self, step: &Step, share: f64, ln: f64) -> f64 {
        if (self.from..=self.to).contains(&share) { (ln - step.ln).abs() / self.ln } else { 0.0 }
    }
}

/// A step through whose value the law passes: from one share to another, or at a single one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    index: usize,
    low: u32,
    high: u32,
}

/// The worst deviation at a node or between two: the error as a multiple of the goal.
#[derive(Debug, Clone, Copy, Default)]
struct Deviation {
    size: f64,
    index: usize,
}

/// The curve so far. `between[k]` belongs to the part between the nodes k and k + 1.
struct FitCurve<'a> {
    steps: &'a [Step],
    goal: FitGoal,
    nodes: Vec<Node>,
    at: Vec<Deviation>,
    between: Vec<Deviation>,
}

/// The points between 0 and 100 %, at most [`MOST_INNER`], with which the law comes as close to the steps as
/// the goal demands, or as that number of points allows. There are at least two steps; the value of the first
/// is the one at 0 %.
pub(super) fn points(steps: &[Step], goal: FitGoal) -> Vec<(u32, u64)> {
    let last = steps.len() - 1;
    let end = millionths(steps[last].last.0);
    let nodes = vec![Node { index: 0, low: 0, high: 0 }, Node { index: last, low: end, high: end }];
    let mut curve = FitCurve { steps, goal, nodes, at: Vec::new(), between: Vec::new() };
    curve.at = vec![curve.error_at(0), curve.error_at(1)];
    curve.between = vec![curve.error_between(0)];
    while curve.inner().count() + 2 <= MOST_INNER && curve.improve() {}
    if curve.inner().count() < 2 {
        curve.nodes[0] = curve.widened(0);
    }
    curve.inner().collect()
}

impl FitCurve<'_> {
    fn inner(&self) -> impl Iterator<Item = (u32, u64)> {
        self.nodes.iter().flat_map(|node| {
            let value = self.steps[node.index].value;
            let high = (node.high > node.low).then_some((node.high, value));
            [(node.low > 0).then_some((node.low, value)), high].into_iter().flatten()
        })
    }

    /// Adds to the curve where it is worst; returns false if it is good enough.
    fn improve(&mut self) -> bool {
        let worst = |errors: &[Deviation]| {
            let sizes = errors.iter().map(|error| error.size).enumerate();
            sizes.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default()
        };
        let (at, between) = (worst(&self.at), worst(&self.between));
        if at.1.max(between.1) <= 1.0 {
            return false;
        }
        if at.1 > between.1 {
            self.nodes[at.0] = self.widened(at.0);
            self.judge(at.0);
        } else {
            self.split(between.0);
        }
        true
    }

    /// Puts a node where the given part between two nodes is furthest off.
    fn split(&mut self, part: usize) {
        let index = self.between[part].index;
        let step = &self.steps[index];
        let middle = step.middle();
        self.nodes.insert(part + 1, Node { index, low: middle, high: middle });
        if step.up_to - step.below > 2.0 * self.goal.ks {
            self.nodes[part + 1] = self.widened(part + 1);
        }
        let node = self.nodes[part + 1];
        if node.low <= self.nodes[part].high || node.high >= self.nodes[part + 2].low {
            // Percentages are not fine enough to distinguish it from its neighbor.
            self.nodes.remove(part + 1);
            self.between[part].size = 0.0;
            return;
        }
        self.at.insert(part + 1, Deviation::default());
        self.between.insert(part + 1, Deviation::default());
        self.judge(part + 1);
    }

    /// Recomputes the errors around a node that has changed.
    fn judge(&mut self, node: usize) {
        let end = self.nodes.len() - 1;
        for part in node.saturating_sub(1)..end.min(node + 1) {
            self.between[part] = self.error_between(part);
        }
        for near in node.saturating_sub(1)..=end.min(node + 1) {
            self.at[near] = self.error_at(near);
        }
    }

    /// The node, widened to all of its step, if there is room for that between its neighbors.
    fn widened(&self, at: usize) -> Node {
        let node = self.nodes[at];
        let step = &self.steps[node.index];
        let low = if at == 0 { 0 } else { millionths(step.first.0) };
        let high = millionths(step.last.0).max(low);
        let is_above = at.checked_sub(1).is_none_or(|before| self.nodes[before].high < low);
        let is_below = self.nodes.get(at + 1).is_none_or(|after| high < after.low);
        if is_above && is_below { Node { low, high, ..node } } else { node }
    }

    /// The error at a node; none if it is as wide as it can be.
    fn error_at(&self, at: usize) -> Deviation {
        let node = self.nodes[at];
        let step = &self.steps[node.index];
        if self.widened(at) == node {
            return Deviation::default();
        }
        let mut size = step.distance(share(node.low), share(node.high)) / self.goal.ks;
        if let Some(line) = at.checked_sub(1).and_then(|before| self.line(before)) {
            let (share, depth) = step.first;
            size = size.max(self.goal.quantile_error(step, share, line.ln_at(depth)));
        }
        if let Some(line) = self.line(at) {
            let (share, depth) = step.last;
            size = size.max(self.goal.quantile_error(step, share, line.ln_at(depth)));
        }
        Deviation { size, index: node.index }
    }

    /// The largest error between a node and the next.
    fn error_between(&self, part: usize) -> Deviation {
        let mut worst = Deviation::default();
        let Some(line) = self.line(part) else { return worst };
        let (from, to) = (self.nodes[part].index + 1, self.nodes[part + 1].index);
        for (index, step) in self.steps.iter().enumerate().take(to).skip(from) {
            let law = -libm::expm1(-line.depth_at(step.ln));
            let mut size = step.distance(law, law) / self.goal.ks;
            for (share, depth) in [step.first, step.last] {
                size = size.max(self.goal.quantile_error(step, share, line.ln_at(depth)));
            }
            if size > worst.size {
                worst = Deviation { size, index };
            }
        }
        worst
    }

    /// The line from a node to the next.
    fn line(&self, part: usize) -> Option<LineSegment> {
        let (from, to) = (self.nodes[part], self.nodes.get(part + 1)?);
        let (depth, ln) = (depth(share(from.high)), self.steps[from.index].ln);
        let slope = (self.steps[to.index].ln - ln) / (self::depth(share(to.low)) - depth);
        Some(LineSegment { depth, ln, slope })
    }
}

/// A line of the law: logarithm by depth, rising.
struct LineSegment {
    depth: f64,
    ln: f64,
    slope: f64,
}

impl LineSegment {
    fn ln_at(&self, depth: f64) -> f64 {
        self.ln + (depth - self.depth) * self.slope
    }

    fn depth_at(&self, ln: f64) -> f64 {
        self.depth + (ln - self.ln) / self.slope
    }
}
