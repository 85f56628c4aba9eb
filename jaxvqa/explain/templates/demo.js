// Reports say how high they are; nothing else about them is open to the page around them, nor that to them.
addEventListener("message", event => {
  for (const frame of document.querySelectorAll("iframe.report"))
    if (frame.contentWindow === event.source) frame.style.height = `${Number(event.data)}px`;
});

// Two videos on top of each other. The page puts them in later, so all events are caught here on their way down.
function players(event) {
  const box = event.target.closest?.(".players");
  return box && { box, videos: [...box.querySelectorAll("video")], seek: box.querySelector(".seek"), play: box.querySelector(".play") };
}
addEventListener("input", event => {
  const found = players(event);
  if (!found) return;
  if (event.target === found.seek)
    for (const video of found.videos) video.currentTime = Math.min(event.target.value, video.duration);
  else found.videos[1].style.clipPath = `inset(0 0 0 ${event.target.value}%)`;
});
addEventListener("click", event => {
  const found = players(event);
  if (event.target !== found?.play) return;
  const paused = found.videos[0].paused;
  for (const video of found.videos) paused ? video.play() : video.pause();
});
for (const name of ["play", "pause", "ended", "timeupdate", "loadedmetadata", "error"])
  addEventListener(name, event => {
    const found = players(event);
    if (!found) return;
    const [first, second] = found.videos;
    if (name === "error") found.box.classList.add("unplayable");
    if (event.target !== first) return;
    found.play.textContent = first.paused ? "Play" : "Pause";
    if (name === "loadedmetadata") found.seek.max = first.duration;
    if (name === "timeupdate") found.seek.value = first.currentTime;
    if (name === "ended") second.pause();
    const time = Math.min(first.currentTime, second.duration);
    if (Math.abs(second.currentTime - time) > 0.1) second.currentTime = time;
  }, true);
