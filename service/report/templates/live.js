"use strict";
(() => {
  const main = document.querySelector("main[data-events]");
  const told = document.getElementById("link");
  if (!main || !told || !window.EventSource) return;
  const SVG = "http://www.w3.org/2000/svg";
  const TAGS = new Set(("a b button caption circle code dd desc details div dl dt ellipse em figcaption figure g h2 h3 " +
    "header input label li line ol p path polygon polyline progress rect section span strong sub summary sup svg table " +
    "tbody td text th thead time title tr tspan ul").split(" "));
  const admitted = (name, value) =>
    name === "href" ? /^[/#](?![/\\])/.test(value) : /^(?!on|style$|src|action|form|ping|xlink)[a-z][A-Za-z0-9-]*$/.test(name);
  const dress = (element, attributes) => {
    for (const { name } of [...element.attributes])
      if (!(name in attributes) && !(name === "open" && element.localName === "details")) element.removeAttribute(name);
    for (const [name, value] of Object.entries(attributes))
      if (element.getAttribute(name) !== value && admitted(name, value)) element.setAttribute(name, value);
  };
  const build = (node, parent) => {
    if (typeof node === "string") return document.createTextNode(node);
    const [tag, attributes, children] = node;
    const drawn = tag === "svg" || (parent && parent.namespaceURI === SVG);
    const safe = TAGS.has(tag) ? tag : "span";
    const element = drawn ? document.createElementNS(SVG, safe) : document.createElement(safe);
    dress(element, attributes);
    for (const one of children) element.appendChild(build(one, element));
    return element;
  };
  const alike = (there, node) =>
    typeof node === "string"
      ? there.nodeType === Node.TEXT_NODE
      : there.nodeType === Node.ELEMENT_NODE && there.localName === node[0] && there.id === (node[1].id || "");
  const mend = (element, [, attributes, children]) => {
    dress(element, attributes);
    for (const one of [...element.childNodes])
      if (one.nodeType !== Node.ELEMENT_NODE && !(one.nodeType === Node.TEXT_NODE && (one.data.trim() || !one.data.includes("\n"))))
        one.remove();
    children.forEach((node, place) => {
      const there = element.childNodes[place];
      if (!there) element.appendChild(build(node, element));
      else if (!alike(there, node)) element.replaceChild(build(node, element), there);
      else if (typeof node !== "string") mend(there, node);
      else if (there.data !== node && there.data.trim() !== node.trim()) there.data = node;
    });
    while (element.childNodes.length > children.length) element.lastChild.remove();
  };
  const order = (list, ids, parts) => {
    ids.forEach((id, place) => {
      const row = document.getElementById(id) || (parts[id] && build(parts[id], list));
      if (row && list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
    });
    for (const one of [...list.children]) if (!ids.includes(one.id)) one.remove();
  };
  const show = ({ title, parts, lists, over }) => {
    if (title) document.title = title;
    for (const [id, node] of Object.entries(parts)) {
      const there = document.getElementById(id);
      if (there) mend(there, node);
    }
    for (const [id, ids] of Object.entries(lists || {})) {
      const list = document.getElementById(id);
      if (list) order(list, ids, parts);
    }
    if (over === "report") location.reload();
    return over;
  };
  const say = (words, state) => {
    told.textContent = words;
    told.dataset.link = state;
  };
  const listen = () => {
    const events = new EventSource(main.dataset.events);
    events.onopen = () => say("Live: this page follows by itself.", "open");
    events.onmessage = (event) => {
      if (!show(JSON.parse(event.data))) return;
      events.close();
      say("This is over; nothing here will change.", "over");
    };
    events.onerror = () => {
      say("The connection was lost. Trying again.", "lost");
      if (events.readyState !== EventSource.CLOSED) return;
      events.close();
      setTimeout(listen, 5000);
    };
  };
  listen();
})();
