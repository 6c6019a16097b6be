"use strict";
(() => {
  const bands = JSON.parse(document.getElementById("bands").textContent);
  const slider = document.getElementById("potential");
  const width = 460, height = 300, edge = { left: 58, right: 12, top: 16, bottom: 46 };
  const signed = (x, digits) => (x < 0 ? "\u2212" : "+") + Math.abs(x).toFixed(digits);
  const plain = (x, digits) => (x < 0 ? "\u2212" : "") + Math.abs(x).toFixed(digits);

  const add = (parent, name, attributes, text) => {
    const node = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };

  const ticks = (low, high) => {
    const raw = (high - low) / 6, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= raw);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9; k++) found.push(k * step);
    return found;
  };

  // Empty the drawing, draw its axes, and return the two maps from numbers to places.
  const axes = (svg, xs, ys, xLabel, yLabel) => {
    svg.replaceChildren(svg.querySelector("title"));
    const x = (v) => edge.left + ((v - xs[0]) / (xs[1] - xs[0])) * (width - edge.left - edge.right);
    const y = (v) => height - edge.bottom - ((v - ys[0]) / (ys[1] - ys[0])) * (height - edge.top - edge.bottom);
    for (const v of ticks(...ys)) {
      add(svg, "line", { class: "axis", x1: edge.left, x2: width - edge.right, y1: y(v), y2: y(v) });
      add(svg, "text", { x: edge.left - 8, y: y(v) + 4, "text-anchor": "end" }, plain(v, 1));
    }
    for (const v of ticks(...xs)) add(svg, "text", { x: x(v), y: height - edge.bottom + 18, "text-anchor": "middle" }, plain(v, 1));
    add(svg, "text", { x: (edge.left + width - edge.right) / 2, y: height - 8, "text-anchor": "middle" }, xLabel);
    add(svg, "text", { x: 14, y: height / 2 - 12, "text-anchor": "middle", transform: `rotate(-90 14 ${height / 2 - 12})` }, yLabel);
    return [x, y];
  };

  const range = (values, share) => {
    const low = Math.min(...values), high = Math.max(...values), room = share * (high - low || 1);
    return [low - room, high + room];
  };

  const drawProfiles = (now) => {
    const svg = document.getElementById("profile");
    const [x, y] = axes(svg, [0, 1], range(bands.flatMap((b) => b.profile), 0.12), "image along the path", "energy, relative / eV");
    const points = (b) => b.profile.map((e, k) => `${x(k / (b.profile.length - 1))},${y(e)}`).join(" ");
    for (const b of bands) add(svg, "polyline", { class: "other", points: points(b) });
    add(svg, "polyline", { class: "now", points: points(now) });
    now.profile.forEach((e, k) => add(svg, "circle", { class: "dot", cx: x(k / (now.profile.length - 1)), cy: y(e), r: 4 }));
    const place = x(now.profile.indexOf(Math.max(...now.profile)) / (now.profile.length - 1));
    add(svg, "line", { class: "tangent", x1: place, x2: place, y1: y(0), y2: y(now.barrier) });
    add(svg, "text", { class: "strong", x: place, y: y(now.barrier) - 10, "text-anchor": "middle" }, `${plain(now.barrier, 3)} eV`);
  };

  const drawBarriers = (now) => {
    const svg = document.getElementById("barriers"), potentials = bands.map((b) => b.potential);
    const ends = [now.potential - 0.15, now.potential + 0.15];
    const spread = range(bands.map((b) => b.barrier), 0.25), us = range(potentials, 0.2);
    const [x, y] = axes(svg, us, spread, `potential / V (${now.scale})`, "barrier / eV");
    for (const b of bands) add(svg, "circle", { class: b === now ? "dot" : "faint", cx: x(b.potential), cy: y(b.barrier), r: b === now ? 6 : 4 });
    const line = ends.map((u) => Math.min(Math.max(u, us[0]), us[1])).map((u) => `${x(u)},${y(now.barrier + now.slope * (u - now.potential))}`);
    add(svg, "polyline", { class: "tangent", points: line.join(" ") });
  };

  const show = () => {
    const now = bands[slider.valueAsNumber];
    const name = `${signed(now.potential, 2)} V (${now.scale})`;
    document.getElementById("shown").textContent = name;
    slider.setAttribute("aria-valuetext", name);
    const numbers = {
      barrier: `${plain(now.barrier, 3)} eV` + (now.spread ? ` \u00b1 ${now.spread.toFixed(3)}` : ""),
      reverse: `${plain(now.reverse, 3)} eV`,
      reaction: `${signed(now.reaction, 3)} eV`,
      charge: `${signed(now.charge[0], 2)} \u2192 ${signed(now.charge[now.saddle], 2)} e`,
      slope: `${signed(now.slope, 3)} eV/V`,
    };
    for (const [id, text] of Object.entries(numbers)) document.getElementById(id).textContent = text;
    drawProfiles(now);
    drawBarriers(now);
  };
  slider.addEventListener("input", show);
  show();

  const table = document.querySelector("table.claims"), body = table.tBodies[0];
  const key = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
  table.querySelectorAll("th button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.parentElement, up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => key(a, column).localeCompare(key(b, column), "en", { numeric: true, sensitivity: "base" }));
      body.append(...(up ? rows : rows.reverse()));
    });
  });
})();
