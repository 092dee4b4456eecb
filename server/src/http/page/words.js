
// Formats figures like the reports of longsync's programs, except that the second is the largest unit: 120s, not 2m.

// Three digits and one unit: 0s, 512us, 507ms, 3.02s.
function duration(ms) {
  if (ms === 0) return "0s";
  const units = [["ns", 1e6], ["us", 1e3], ["ms", 1]];
  for (const [unit, factor] of units) {
    const rounded = Number((ms * factor).toPrecision(3));
    if (rounded < 1000) return `${rounded}${unit}`;
  }
  return `${Number((ms / 1000).toPrecision(3))}s`;
}

function grouped(count) {
  return count.toLocaleString("en-US");
}

function counted(count, noun) {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
