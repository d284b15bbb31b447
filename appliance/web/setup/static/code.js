// The picture on the box's screen leads here with the code after the #, which
// browsers send to nobody.
const code = location.hash.match(/^#(\d{8})$/);
if (code) {
  document.getElementById("code").value = code[1].slice(0, 4) + " " + code[1].slice(4);
  history.replaceState(null, "", location.pathname);
}
