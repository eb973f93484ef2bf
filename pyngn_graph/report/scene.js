// Texts, axes and neurons of the 3D scenes take the colors of the page, in light and dark.
(function () {
  const names = { "#0072b2": "--blue", "#d55e00": "--orange" };
  const scenes = Array.from(document.querySelectorAll(".js-plotly-plot"));
  const drawn = scenes.map((scene) => scene.data.map((trace) => (trace.marker || {}).color));
  function paint() {
    const page = getComputedStyle(document.documentElement);
    const ink = getComputedStyle(document.body).color;
    const axes = { "font.color": ink };
    for (const axis of ["x", "y", "z"]) axes["scene." + axis + "axis.color"] = ink;
    scenes.forEach(function (scene, index) {
      const traces = [], colors = [];
      drawn[index].forEach(function (color, trace) {
        const name = names[String(color).toLowerCase()];
        if (!name) return;
        traces.push(trace);
        colors.push(page.getPropertyValue(name).trim());
      });
      if (traces.length) Plotly.update(scene, { "marker.color": colors }, axes, traces);
      else Plotly.relayout(scene, axes);
    });
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  paint();
})();
