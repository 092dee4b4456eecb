//! The colors of charts, in a browser and in a terminal.

use anstyle::{AnsiColor, Style};

/// For axes, labels and keys, which must not outshine the data.
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// The colors of series, in order: their class names in SVG, and their terminal colors. Red is last, because
/// it looks like a failure.
pub(super) const HUES: [(&str, AnsiColor); 4] = [
    ("green", AnsiColor::Green),
    ("violet", AnsiColor::Magenta),
    ("amber", AnsiColor::Yellow),
    ("red", AnsiColor::Red),
];

/// The style of all pictures, for light and dark mode. On a narrow screen, where pictures are scaled down,
/// letters are larger and details are left out.
pub(super) const STYLE: &str = "
svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --green: #1a7f37; --red: #cf222e; --violet: #8250df; --amber: #9a6700; }
@media (prefers-color-scheme: dark) { svg { --ground: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #3d444d; --green: #3fb950; --red: #f85149; --violet: #ab7df8; --amber: #d29922; } }
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; fill: var(--soft); }
.ground { fill: var(--ground); } .line { stroke: var(--line); }
.headline { font-size: 17px; font-weight: 600; fill: var(--ink); }
.name { font-weight: 600; fill: var(--ink); }
@media (max-width: 560px) { text { font-size: 20px; } .headline { font-size: 25px; } .detail { display: none; } }
";
