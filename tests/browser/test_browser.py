"""The browser that the tests share shows pages of this computer."""

from playwright.sync_api import Browser, expect


def test_a_page_is_shown_and_its_script_runs(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<h1>Wall</h1><script>document.title = 'seen'</script>")
    expect(page).to_have_title("seen")
    expect(page.get_by_role("heading")).to_have_text("Wall")
    page.close()
