"use strict";
// A new message reloads the page; the connection is the browser's own to keep.
const live = new EventSource("/live");
live.addEventListener("message", (event) => {
  const { person } = JSON.parse(event.data);
  const here = decodeURIComponent(location.pathname);
  if (here === "/" || here === `/p/${person}`) location.reload();
});
