// The demo page: its buttons give commands, its list shows events.

window.AssistantWidget ||= function () {
  (window.AssistantWidget.q ||= []).push(arguments);
};

document.getElementById("snippet").textContent =
  `<script src="${location.origin}/widget.js" data-site-key="YOUR-SITE-KEY" async><\/script>`;

for (const button of document.querySelectorAll("[data-command]"))
  button.addEventListener("click", () => {
    const { command, value } = button.dataset;
    window.AssistantWidget(command, ...(value ? [value] : []));
  });

const seen = [];
for (const name of ["ready", "open", "close", "message", "state", "unread"])
  window.addEventListener(`assistant:${name}`, (event) => {
    seen.unshift(`${name} ${JSON.stringify(event.detail)}`);
    document.getElementById("events").textContent = seen.slice(0, 6).join(" · ");
  });
