"""Rows on disk: every block read once per epoch, bounded memory, the same loop."""

import copy
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from sfumato.core.errors import FileError, ParameterError, RefusedError, TableError
from sfumato.labels import Noisy, Symmetric
from sfumato.learn.families import Belief, MarginalLikelihood
from sfumato.train.config import Config
from sfumato.train.loop import Run
from sfumato.train.networks import build
from sfumato.train.sampler import Sampler
from sfumato.train.store import NpyStore, ParquetStore, Store, moments, open_rows


@pytest.fixture
def table(tmp_path):
    x = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32) * 3 + 50
    np.save(tmp_path / "x.npy", x)
    frame = pa.table({f"f{j}": x[:, j] for j in range(6)})
    pq.write_table(frame, tmp_path / "x.parquet", row_group_size=70)
    return tmp_path, x


def stores(path, window=3):
    return NpyStore(path / "x.npy", rows=64, window=window), ParquetStore(path / "x.parquet", window=window)


def test_rows_come_as_asked(table):
    path, x = table
    at = torch.randperm(1000)[:333]
    for store in stores(path):
        assert torch.equal(store.take(at), torch.from_numpy(x)[at])
        assert torch.equal(torch.cat(list(store.chunks(50))), torch.from_numpy(x))
        assert len(store.held) <= 3


def test_moments_in_one_pass(table):
    path, x = table
    for store in stores(path):
        mean, sd = moments(store)
        np.testing.assert_allclose(mean, x.astype(np.float64).mean(0), rtol=1e-6)
        np.testing.assert_allclose(sd, x.astype(np.float64).std(0), rtol=1e-4)
        scaled = store.scaled(mean, sd).take(torch.arange(1000))
        np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-4)


def test_an_epoch_reads_every_block_once_and_every_row_once(table):
    path, _ = table
    for store in stores(path):
        sampler = Sampler(torch.ones(1000, dtype=torch.long), 32, 0, blocks=store.starts, window=store.window)
        orders = []
        for epoch in range(2):
            store = store.scaled(0.0, 1.0)
            for batch in sampler.epoch(epoch):
                store.take(batch)
            assert store.reads == len(store.starts) - 1
            orders.append(torch.cat(sampler.epoch(epoch)))
            assert torch.equal(orders[-1].sort().values, torch.arange(1000))
        assert not torch.equal(*orders)


def test_one_window_over_everything_trains_as_in_memory(table):
    """With all blocks in one window the order is another shuffle: risks agree as two shuffles do, memory is per row."""
    path, x = table
    y = torch.from_numpy((x[:, 0] > 50).astype(np.int64))
    store = NpyStore(path / "x.npy", rows=64, window=3)
    store = store.scaled(*moments(store))
    run = Run(
        store,
        Noisy(y, 2),
        Belief(),
        lambda m: build("linear", (6,), 2, m),
        Config(epochs=20, batch_size=50, lr=1e-2),
        law=Symmetric(0.1),
    ).fit()
    z = run.logits(store)[0]
    assert float((z.argmax(1) == y).double().mean()) > 0.97
    assert len(store.held) <= 3
    assert run.memory[0]["rows"].shape == (1000, 2)


def test_stop_and_resume_from_disk(table, tmp_path):
    path, x = table
    y = torch.from_numpy((x[:, 0] > 50).astype(np.int64))

    def fresh():
        store = NpyStore(path / "x.npy", rows=64, window=3)
        config = Config(epochs=3, batch_size=50)
        law = Symmetric(0.1)
        return Run(store, Noisy(y, 2), MarginalLikelihood(), lambda m: build("linear", (6,), 2, m), config, law=law)

    whole = fresh().fit()
    fresh().fit(save=tmp_path / "c", stop_after=27)
    again = fresh().fit(save=tmp_path / "c")
    for name, value in whole.state().items():
        assert torch.equal(value, again.state()[name])


def test_wrong_files_and_uses_have_one_clear_error(table, tmp_path):
    path, _ = table
    with pytest.raises(FileError, match="no file"):
        open_rows(tmp_path / "none.npy")
    with pytest.raises(FileError, match=r"\.csv"):
        open_rows(tmp_path / "x.csv")
    (tmp_path / "cut.npy").write_bytes((path / "x.npy").read_bytes()[:500])
    with pytest.raises(FileError, match="cannot be read"):
        open_rows(tmp_path / "cut.npy")
    with pytest.raises(TableError, match="no column 'g'"):
        open_rows(path / "x.parquet", columns=["g"])
    pq.write_table(pa.table({"a": [1.0, None]}), tmp_path / "m.parquet")
    with pytest.raises(TableError, match="missing"):
        open_rows(tmp_path / "m.parquet").take(torch.tensor([0]))
    np.save(tmp_path / "nan.npy", np.array([[1.0], [np.nan]]))
    with pytest.raises(TableError, match="row 1, column 0 .* holds NaN"):
        moments(open_rows(tmp_path / "nan.npy"))
    with pytest.raises(ParameterError, match="window = 0"):
        open_rows(path / "x.npy", window=0)
    with pytest.raises(RefusedError, match="rows on disk"):
        Sampler(torch.ones(10), 2, 0, weights=torch.ones(10), blocks=torch.tensor([0, 10]))


def test_memory_in_half_precision_is_half_the_size_and_close():
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    y, law = (x[:, 0] > 0).long(), Symmetric(0.1)

    def run(memory):
        config = Config(epochs=3, memory=memory)
        return Run(x, Noisy(y, 2), Belief(), lambda m: build("linear", (4,), 2, m), config, law=law).fit()

    full, half = run("full"), run("half")
    assert half.memory[0]["rows"].dtype == torch.float16
    torch.testing.assert_close(half.memory[0]["rows"].float(), full.memory[0]["rows"], atol=2e-3, rtol=0)


@pytest.mark.parametrize(("value", "said"), [(np.nan, "holds NaN"), (-np.inf, "is infinite"), (1e300, "is infinite")])
def test_what_is_not_finite_is_named_by_row_and_column_when_its_block_is_read(tmp_path, value, said):
    x = np.arange(600.0).reshape(200, 3)
    x[150, 2] = value
    np.save(tmp_path / "x.npy", x)
    pq.write_table(pa.table({f"f{j}": x[:, j] for j in range(3)}), tmp_path / "x.parquet", row_group_size=64)
    for store in (NpyStore(tmp_path / "x.npy", rows=64, window=2), ParquetStore(tmp_path / "x.parquet", window=2)):
        for rows in (store, store.scaled(0.0, 1.0)):
            rows.take(torch.arange(100))
            with pytest.raises(TableError, match=f"row 150, column 2 .*{said}"):
                rows.take(torch.tensor([140]))
            assert torch.equal(rows.take(torch.arange(100)), torch.arange(300.0).reshape(100, 3))


def test_large_numbers_whose_sum_alone_is_infinite_are_fine(tmp_path):
    np.save(tmp_path / "x.npy", np.full((10, 2), 3e38, np.float32))
    assert open_rows(tmp_path / "x.npy").take(torch.tensor([3])).tolist() == [[np.float32(3e38)] * 2]


class Own(Store):
    """Rows of an array of its own."""

    def __init__(self, array, starts):
        self.array = array
        super().__init__(torch.tensor(starts), array.shape[1:], 2)

    def read(self, block):
        return self.array[self.starts[block] : self.starts[block + 1]]

    def fingerprint(self):
        return "own"


def test_a_subclass_s_own_array_is_not_written_into():
    array = np.arange(12, dtype=np.float32).reshape(6, 2)
    store = Own(array, [0, 4, 6]).scaled(np.ones(2), np.full(2, 2.0))
    for _ in range(2):
        assert torch.equal(store.block(0), (torch.arange(8).reshape(4, 2) - 1) / 2)
    assert np.array_equal(array, np.arange(12).reshape(6, 2))


@pytest.mark.parametrize("starts", [[0], [0, 0, 6], [1, 6], [0, 4, 2]])
def test_blocks_hold_rows(starts):
    with pytest.raises(TableError, match="at least one row in each block"):
        Own(np.ones((6, 2)), starts)


def test_no_rows_have_the_shape_of_rows(table):
    path, _ = table
    for store in stores(path):
        assert store.take(torch.empty(0, dtype=torch.long)).shape == (0, 6)  # before anything was read
        store.take(torch.tensor([0]))
        assert store.take(torch.empty(0, dtype=torch.long)).shape == (0, 6)


def test_the_buffer_has_no_more_places_than_there_are_blocks(table):
    path, x = table
    store = NpyStore(path / "x.npy", rows=700, window=16)
    assert torch.equal(store.take(torch.arange(1000)), torch.from_numpy(x))
    assert store.buffer.shape == (1400, 6)


def test_copies_and_pickles_carry_no_rows(table, monkeypatch):
    path, x = table
    monkeypatch.chdir(path)
    for store in (NpyStore("x.npy"), ParquetStore("x.parquet", ["f1", "f0"])):
        wanted = store.scaled(1.0, 2.0).take(torch.arange(1000))
        written = pickle.dumps(store.scaled(1.0, 2.0))
        monkeypatch.chdir("/")
        assert len(written) < 4000
        for twin in (pickle.loads(written), copy.deepcopy(store).scaled(1.0, 2.0)):
            assert not twin.held and torch.equal(twin.take(torch.arange(1000)), wanted)
        monkeypatch.chdir(path)
    written = pickle.dumps(NpyStore("x.npy"))
    np.save("x.npy", x[:10])
    with pytest.raises(FileError, match="as it was opened"):
        pickle.loads(written)


def test_a_fingerprint_sees_a_change_anywhere(table):
    path, x = table
    before = [store.fingerprint() for store in stores(path)]
    assert [store.fingerprint() for store in stores(path)] == before
    x[500] = 0
    np.save(path / "x.npy", x)
    pq.write_table(pa.table({f"f{j}": x[:, j] for j in range(6)}), path / "x.parquet", row_group_size=70)
    assert not set(before) & {store.fingerprint() for store in stores(path)}


def test_empty_row_groups_are_passed_over(table):
    path, x = table
    frame = pa.table({f"f{j}": x[:, j] for j in range(6)})
    with pq.ParquetWriter(path / "e.parquet", frame.schema) as file:
        for first, last in ((0, 0), (0, 400), (400, 400), (400, 1000)):
            file.write_table(frame.slice(first, last - first))
    store = open_rows(path / "e.parquet")
    assert store.starts.tolist() == [0, 400, 1000]
    assert torch.equal(store.take(torch.arange(1000)), torch.from_numpy(x))
    np.testing.assert_allclose(moments(store)[0], x.mean(0), rtol=1e-5)


@pytest.mark.parametrize("rows", [0, -5, 2.5, True, "a"])
def test_a_block_is_a_number_of_rows(table, rows):
    with pytest.raises(ParameterError, match="rows ="):
        open_rows(table[0] / "x.npy", rows=rows)


def test_what_holds_no_real_numbers_and_foreign_settings_are_refused(table):
    path, x = table
    for name, array in (("c", x * 1j), ("e", x[:, :0]), ("n", x[:0]), ("d", x[:, 0]), ("t", x.astype(str))):
        np.save(path / f"{name}.npy", array)
        with pytest.raises((TableError, FileError)):
            open_rows(path / f"{name}.npy")
    with pytest.raises(ParameterError, match="columns for a .npy file"):
        open_rows(path / "x.npy", columns=["f1"])
    for columns in ("f1", 5):
        with pytest.raises(ParameterError, match="a list of column names"):
            open_rows(path / "x.parquet", columns=columns)
    with pytest.raises(TableError, match="no column of"):
        open_rows(path / "x.parquet", columns=[])
