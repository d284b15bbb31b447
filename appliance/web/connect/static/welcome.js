// A browser that trusts the box already needs no explanation: if a picture
// loads from the protected side, go there. What stands after the # goes along.
const go = document.getElementById("go");
go.href += location.hash;
const picture = new Image();
picture.onload = () => location.replace(go.href);
picture.src = go.dataset.probe;
