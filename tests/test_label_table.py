"""Tables of labels beside images: attributes, such as CelebA's, and classes."""

from __future__ import annotations

import warnings

import pytest
import torch
from test_datasets import check_moved
from writing import write_images

from ganspec.kinds.dataset import DataError
from ganspec.kinds.datasets.image_folder import ImageFolder
from ganspec.kinds.datasets.label_table import label_names, read_table
from ganspec.systems.data import Data
from ganspec.training.images import open_images

FILES = ["000001.jpg", "000002.jpg", "000003.jpg"]
ATTRIBUTES = ["Bald", "Smiling"]
MARKS = [[0, 1], [1, 1], [0, 0]]
# one content in the forms that people have
TABLES = {
    "labels.csv": "file,Bald,Smiling\n000001.jpg,0,1\n000002.jpg,1,1\n000003.jpg,0,0\n",
    "kaggle.csv": "id,Bald,Smiling\r\n000003.jpg,-1,-1\r\n000002.jpg,1,1\r\n000001.jpg,-1,1\r\n",
    "celeba.txt": "3\nBald Smiling \n000001.jpg -1  1\n000002.jpg  1  1\n000003.jpg -1 -1\n",
    "excel.csv": "\ufefff;Bald;Smiling\n000001.jpg; 0; 1\n\n000002.jpg; 1; 1\n000003.jpg; 0; 0\n",
    "tabs.tsv": "file\tBald\tSmiling\n000001.jpg\t0\t1\n000002.jpg\t1\t1\n000003.jpg\t0\t0\n",
    "quoted.csv": '"file","Bald","Smiling"\n"000001.jpg",0,1\n"000002.jpg",1,1\n"000003.jpg",0,0\n',
}


def read(folder, labels, streamed=False):
    data = Data(dataset=ImageFolder(labels=labels), size=8)
    images, labels = open_images(data, folder, torch.device("cpu"), streamed=streamed)
    return len(images), labels


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("streamed", [False, True])
def test_attributes_are_multi_hot_labels(tmp_path, name, streamed):
    write_images(tmp_path, FILES)
    (tmp_path / name).write_text(TABLES[name], "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the table is no file that is left out
        count, labels = read(tmp_path, name, streamed)
    assert count == 3 and labels.dtype == torch.uint8 and labels.tolist() == MARKS
    assert ImageFolder(labels=name).classes(tmp_path) == ATTRIBUTES


def test_one_column_of_names_is_classes(tmp_path):
    write_images(tmp_path, FILES)
    for values, order in {"pug beagle pug": ["beagle", "pug"], "9 10 9": ["9", "10"]}.items():
        rows = [f"{file},{value}" for file, value in zip(FILES, values.split(), strict=True)]
        (tmp_path / "train.csv").write_text("\n".join(["id,breed", *rows]))
        _, labels = read(tmp_path, "train.csv")
        assert labels.dtype == torch.int64
        assert [order[label] for label in labels] == values.split()
        assert label_names(tmp_path / "train.csv") == order


def test_the_table_may_be_beside_the_folder_and_name_paths(tmp_path):
    """CelebA's files: a table, and a folder beside it; its rows name files without the folder."""
    write_images(tmp_path / "img_align_celeba", FILES)
    (tmp_path / "list.txt").write_text(TABLES["celeba.txt"])
    assert read(tmp_path / "img_align_celeba", "../list.txt")[1].tolist() == MARKS
    assert read(tmp_path, "list.txt")[1].tolist() == MARKS
    write_images(tmp_path / "more", FILES[:1])
    with pytest.raises(Exception, match=r"one row for two images called 000001\.jpg"):
        read(tmp_path, "list.txt")
    paths = (
        TABLES["labels.csv"].replace("000001", "more/000001") + "img_align_celeba/000001.jpg,1,0\n"
    )
    (tmp_path / "list.csv").write_text(paths)
    with pytest.warns(UserWarning, match=r"left out 1 file in .*: list\.txt$"):
        assert read(tmp_path, "list.csv")[1].tolist() == [[1, 0], *MARKS[1:], MARKS[0]]


@pytest.mark.parametrize("streamed", [False, True])
def test_what_does_not_fit_is_said(tmp_path, streamed):
    write_images(tmp_path, [*FILES, "new.png"])
    (tmp_path / "labels.csv").write_text(TABLES["labels.csv"] + "gone.jpg,1,1\n")
    with pytest.warns(UserWarning) as warned:
        assert read(tmp_path, "labels.csv", streamed)[1].tolist() == MARKS
    said = "\n".join(str(each.message) for each in warned)
    assert said.count("left out 1 of 4 images without a row in ") == 1 and "csv: new.png" in said
    assert said.count("no image for 1 of the 4 rows in ") == 1


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is no table of labels"),
        ("file\na.jpg\n", "is no table of labels"),
        ("file,Bald\n", "is no table of labels"),
        ("file,Bald,Smiling\n000001.jpg,1\n", r"csv:2 has 1 value, not 2, for '000001\.jpg'$"),
        ("file,Bald,Smiling\n000001.jpg\n", r"csv:2 has 0 values, not 2, for '000001\.jpg'$"),
        (
            "file,Bald\n\n000001.jpg,1\n000001.jpg,0\n",
            r"csv:4 has a second row for '000001\.jpg', which has one in line 3: delete one$",
        ),
        # a line break within quotes is part of a value
        ('file,breed\n000001.jpg,"a\nb"\n000002.jpg,\n', "csv:4 has an empty value for '000002"),
        ("2\nBald Smiling\n000001.jpg 1 -1\n\n000002.jpg 1\n", "csv:5 has 1 value, not 2, for"),
        ("file,Bald\na.jpg,1\nb.jpg,0\n", r"no row for any of the images, such as 000001\.jpg"),
        (
            "file,Bald,Smiling\n000001.jpg,1,yes\n",
            "csv:2 has the value 'yes' for '000001.jpg': attributes are 1 or 0",
        ),
        (
            "file,Bald,Smiling\n000001.jpg,1,\n",
            "csv:2 has an empty value for '000001.jpg': write one",
        ),
        (
            "file,breed\n000001.jpg,pug\n000002.jpg, \n",
            "csv:3 has an empty value for '000002.jpg'.* delete",
        ),
        ("3\n", "is no table of labels"),
        (
            f'file,breed\n000001.jpg,"{"x" * 140_000}\n',
            "csv: field larger than .*: close its quotes",
        ),
    ],
)
def test_other_tables_are_one_line(tmp_path, text, said):
    write_images(tmp_path, FILES)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(Exception, match=said) as raised:
        read(tmp_path, "labels.csv")
    assert str(tmp_path / "labels.csv") in str(raised.value)
    with pytest.raises(Exception, match=r"there is no file .*no\.csv"):
        read(tmp_path, "no.csv")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_table_in_another_encoding_is_named(tmp_path, encoding):
    write_images(tmp_path, FILES)
    text = "file,breed\n000001.jpg,Dürrbächler\n000002.jpg,pug\n"
    (tmp_path / "labels.csv").write_text(text, encoding)
    with pytest.raises(DataError, match=r"labels\.csv is not UTF-8: save it as UTF-8$"):
        read(tmp_path, "labels.csv")


@pytest.mark.parametrize("name", ["labels.csv", "celeba.txt"])
def test_tables_are_read_by_emitted_programs(tmp_path, name):
    write_images(tmp_path, FILES)
    (tmp_path / name).write_text(TABLES[name], "utf-8")
    check_moved(ImageFolder(labels=name, white=4095), tmp_path)
    assert read_table(tmp_path / name)[0] == ATTRIBUTES
