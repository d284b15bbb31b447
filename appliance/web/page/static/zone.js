// Chooses the time zone of this browser in a list, unless one was chosen.
for (const list of document.querySelectorAll("select[data-zone]")) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (here && [...list.options].some((o) => o.value === here)) list.value = here;
}
